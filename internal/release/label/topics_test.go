package label_test

import (
	"strings"
	"testing"
)

// topics are what the rules in profiles/labels are there for: codes that must carry a label, by the system in which they are met, and near
// misses that must not. Each system that the rules know stands in each topic for which it has codes.
var topics = []struct {
	label          string
	carry, miss    map[string]string // system -> codes
	words, nothing []string          // displays of a code that no rule knows
}{
	{label: "ETHUD",
		carry: map[string]string{
			"icd10cm": "F10.10 F10.20 F10.21 F10.99 F1020 f10.20 E24.4 G31.2 G62.1 I42.6 K29.20 K70.30 K85.20 K86.0 O99.310 P04.3 Q86.0 R78.0 T51.0X1A Y90.1 Z71.41 Z71.42 Z81.1",
			"icd10":   "F10.2 X45 X65 Y91.3 Z50.2 Z72.1",
			"snomed":  "7200002 15167005 66590003 713862009 24165007",
			"loinc":   "72109-2 75626-2 74013-4",
			"rxnorm":  "3554 197623 82819 835726",
			"hcpcs":   "G0442 G0443",
			"cpt":     "4320F",
		},
		miss: map[string]string{
			"icd10cm": "F17.210 K76.0 K29.70 G62.0 I42.7 T51.2X1A T39.1X1A Z71.3 Z72.0 Z87.891 R79.0",
			"loinc":   "44261-6 70274-6 2339-0",
			"rxnorm":  "36437 7243",
			"hcpcs":   "G0444 G0447",
			"cpt":     "90834 99406",
		},
		words:   []string{"Alcohol dependence, uncomplicated", "Disulfiram 250 MG Oral Tablet", "Alcoholics Anonymous meetings"},
		nothing: []string{"Nonalcoholic steatohepatitis", "Isopropyl alcohol pad", "Fatty liver"},
	},
	{label: "OPIOIDUD",
		carry: map[string]string{
			"icd10cm": "F11.10 F11.20 F11.21 F11.23 T40.0X1A T40.1X1A T40.2X1A T40.411A T40.601A R78.1 P04.14 Z79.891",
			"snomed":  "75544000 5602001 426001001 310653000 792901003",
			"rxnorm":  "1819 6813 351267 1010604 864706 1996184 2639021",
			"ndc":     "12496-1208-3 12496120803 12496-0100-1 12496030001",
			"hcpcs":   "G2067 G2075 G2080 G2086 G2088 G2215 G1028 H0020 J0571 J0575 J0592 Q9991 S0109 M1034 0078U",
			"cpt":     "G2067 H0020",
		},
		miss: map[string]string{
			"icd10cm": "F12.20 T40.5X1A T39.1X1A T41.0X1A R78.89 Z79.899 M54.5",
			"rxnorm":  "36437 161 5640",
			"ndc":     "12496-9999-1 00069-4900-30",
			"hcpcs":   "G2066 G2081 G2089 Q9990 J0580 S0110",
			"cpt":     "90837",
		},
		words:   []string{"buprenorphine 8 MG / naloxone 2 MG Sublingual Film [Suboxone]", "Methadone maintenance", "Heroin poisoning", "Narcan nasal spray"},
		nothing: []string{"Ibuprofen 200 MG Oral Tablet", "methadonelike", "Chronic pain"},
	},
	{label: "SUD",
		carry: map[string]string{
			"icd10cm": "F12.20 F13.20 F14.10 F15.20 F16.20 F18.10 F19.20 F55.8 O99.320 P04.41 P04.49 P04.81 P96.1 R78.2 R78.4 T40.5X1A T40.7X1A T40.8X1A T40.991A T43.601A T43.621A Z71.51 Z71.52 Z81.3 Z02.83",
			"icd10":   "Z50.3 Z72.2 Z86.4 Z04.0 X42",
			"snomed":  "31956009 37344009 78267003 724713006 26416006",
			"loinc":   "82667-7 19359-9 87260-6",
			"rxnorm":  "7243 637213 1483744",
			"ndc":     "65757-0300-1 65757030001 65757-300-01",
			"cpt":     "80305 80306 80307 80320 80353 80377 99408 99409",
			"hcpcs":   "80307 G0396 G0397 G0480 G0483 G0659 G2011 H0001 H0005 H0015 H0015-HF H0047 H0050 H2034 H2035 H2036 J2315 S9475 T1006 T1012",
		},
		miss: map[string]string{
			"icd10cm": "F17.210 F17.290 F32.1 F41.1 F54 T42.4X1A T43.011A T39.1X1A R78.89 Z71.3 Z72.0 Z87.891 P04.2 O99.330",
			"rxnorm":  "36437 6901 7407",
			"ndc":     "65757-9999-1",
			"cpt":     "80299 80304 80378 90791 90834 90837 99406 99407 99410",
			"hcpcs":   "G0395 G0398 G0484 G0658 H0031 H0032 H0036 H0046 H2033 H2037 T1005 T1013 S9474",
			"loinc":   "44261-6 70274-6",
		},
		words:   []string{"Cocaine dependence (disorder)", "Drug screen, urine", "Cannabinoids [Presence] in Urine", "Detoxification"},
		nothing: []string{"dextroamphetamine 10 MG Oral Tablet", "albuterol Inhalant Product", "Nicotine dependence", "Tobacco use"},
	},
	{label: "HIV",
		carry: map[string]string{
			"icd10cm": "B20 B97.35 O98.711 R75 Z11.4 Z20.6 Z21 Z29.81 Z71.7 Z83.0",
			"icd10":   "B20.1 B21 B22.0 B23 B24 F02.4",
			"snomed":  "86406008 62479008 111880001 1142045004",
			"loinc":   "75622-1 56888-1 20447-9 62469-2 29893-5 80203-3 7917-8",
			"rxnorm":  "190521 1433868 195085 1999673 1747692 2475205 2380551 744842",
			"ndc":     "61958-2501-1 61958250101 61958-0701-1 49702-0264-23 49702-264-23 49702022813",
			"cpt":     "86689 86701 86702 86703 87389 87390 87391 87534 87535 87536 87537 87538 87539 87806 87900 87901 87903 87906",
			"hcpcs":   "87389 G0432 G0433 G0435 G0475 S3645 G0011 G0013 J0739 J0750 J0799 Q0521",
		},
		miss: map[string]string{
			"icd10cm": "B19.9 B25.9 B97.33 F02.80 O98.411 R76.8 Z11.3 Z11.59 Z20.5 Z22.6 Z29.89 Z71.3 Z83.1",
			"rxnorm":  "36437 9344",
			"ndc":     "61958-9999-1 49701-0264-23",
			"cpt":     "86704 86706 87340 87341 87388 87392 87533 87540 87902",
			"hcpcs":   "G0434 G0436 G0474 G0499 J0740 S3644 Q0520",
			"loinc":   "2339-0 44261-6",
		},
		words:   []string{"HIV 1 RNA [#/volume]", "emtricitabine 200 MG / tenofovir", "Biktarvy 50-200-25 tablet", "AIDS", "Human immunodeficiency virus infection"},
		nothing: []string{"Shiver", "Ribavirin 200 MG Oral Tablet", "Band-aid"},
	},
	{label: "SDV",
		carry: map[string]string{
			"icd10cm": "T74.01XA T74.11XA T74.21XA T74.22XA T74.31XA T74.51XA T76.21XA T76.52XA Y07.01 Y07.9 Z04.41 Z04.42 Z04.71 Z04.72 Z04.81 Z62.810 Z62.812 Z69.010 Z69.11 Z69.81 Z91.410 Z91.42 O9A.311 O9A.411 O9A.511",
			"icd10":   "Y05 Y06.1 Z61.4 Z61.6",
			"snomed":  "706893006 713834002 10761061000119107",
			"loinc":   "76499-3",
			"cpt":     "99170",
			"hcpcs":   "99170",
		},
		miss: map[string]string{
			"icd10cm": "Z63.0 Z63.5 Z62.3 Z62.820 Z60.5 Z04.1 Z04.6 Z04.89 T73.0XXA T75.1XXA T77 Z91.19 Z91.51 O9A.211 F43.10",
			"cpt":     "99169 99171 99173",
			"loinc":   "44261-6",
		},
		words:   []string{"Victim of sexual assault", "Adult rape", "Domestic violence counseling", "Intimate partner violence"},
		nothing: []string{"Grapeseed extract", "Therapeutic exercise", "Partner relational problem", "Motor vehicle accident"},
	},
	{label: "STD",
		carry: map[string]string{
			"icd10cm": "A51.0 A54.9 A56.2 A60.00 A63.0 O98.211 Z11.3 Z20.2 Z22.4",
			"loinc":   "21613-5 24111-7",
			"cpt":     "86592 86780 87491 87591 87810 87850",
		},
		miss:    map[string]string{"icd10cm": "A49.9 A65 A69.20 O98.411 Z11.59 Z20.5 Z22.6", "cpt": "86591 87492 87592 87340"},
		words:   []string{"Gonococcal infection", "Chlamydia trachomatis DNA"},
		nothing: []string{"Chlamydomonas", "Otitis media"},
	},
	{label: "PREGNANT",
		carry: map[string]string{
			"icd10cm": "O00.101 O09.90 O80 O9A.111 Z33.1 Z33.2 Z34.00 Z36.0 Z37.0 Z39.2 Z3A.20 Z32.01 Z64.0",
			"icd10":   "Z32.1 Z35.9",
			"loinc":   "82810-3 2106-3",
			"cpt":     "59000 59400 59840 59899",
			"hcpcs":   "H1000 H1005 S2260",
		},
		miss:    map[string]string{"icd10cm": "N92.6 Z31.9 Z32.02 Z38.00 Z40.00 Z64.1", "cpt": "58999 60000", "hcpcs": "H1010 H0050 S2262"},
		words:   []string{"Pregnancy test", "Elective abortion"},
		nothing: []string{"Impregnated gauze"},
	},
	{label: "SEX",
		carry:   map[string]string{"icd10cm": "F52.21 F64.0 F64.9 F65.4 F66 Z30.011 Z31.61 Z70.1 Z72.51 Z87.890", "loinc": "76690-7"},
		miss:    map[string]string{"icd10cm": "F51.01 F63.0 F68.8 Z32.02 Z71.3 Z72.0 Z87.891", "loinc": "44261-6"},
		words:   []string{"Gender dysphoria", "Transgender female"},
		nothing: []string{"Sexton", "Gender: female"},
	},
	{label: "SCA",
		carry:   map[string]string{"icd10cm": "D57.1 D57.00 D57.3"},
		miss:    map[string]string{"icd10cm": "D56.1 D58.0"},
		words:   []string{"Sickle cell trait"},
		nothing: []string{"Sickness"},
	},
}

var systemURIs = map[string]string{
	"icd10cm": "http://hl7.org/fhir/sid/icd-10-cm", "icd10": "http://hl7.org/fhir/sid/icd-10", "snomed": "http://snomed.info/sct", "loinc": "http://loinc.org",
	"rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm", "ndc": "http://hl7.org/fhir/sid/ndc", "cpt": "http://www.ama-assn.org/go/cpt",
	"hcpcs": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
}

func TestTheCodesOfEachTopic(t *testing.T) {
	r := rules(t)
	carries := func(t *testing.T, label, coding string) bool {
		t.Helper()
		got := codesOf(r.Apply(chart(t, entry{json: condition("c", coding, "")}))[0])
		if strings.Contains(" "+got+" ", " "+label+" ") {
			if !strings.Contains(" "+got+" ", " R ") {
				t.Errorf("%s is not restricted: %s", coding, got)
			}
			return true
		}
		return false
	}
	for _, topic := range topics {
		t.Run(topic.label, func(t *testing.T) {
			for _, want := range []bool{true, false} {
				table, displays := topic.carry, topic.words
				if !want {
					table, displays = topic.miss, topic.nothing
				}
				for name, codes := range table {
					for _, code := range strings.Fields(codes) {
						if carries(t, topic.label, `{"system":"`+systemURIs[name]+`","code":"`+code+`"}`) != want {
							t.Errorf("%s %s: carries it is %t", name, code, !want)
						}
					}
				}
				for _, d := range displays {
					if carries(t, topic.label, `{"system":"http://snomed.info/sct","code":"1","display":"`+d+`"}`) != want {
						t.Errorf("%q: carries it is %t", d, !want)
					}
				}
			}
		})
	}
}
