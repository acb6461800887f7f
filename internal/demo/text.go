package demo

import (
	"math/rand/v2"
	"strings"
)

// sentence makes a text from one of the templates: {a|b|c} is one of a, b and c.
func sentence(r *rand.Rand, templates []string) string {
	t := pick(r, templates)
	var b strings.Builder
	b.Grow(len(t))
	for {
		open := strings.IndexByte(t, '{')
		if open < 0 {
			b.WriteString(t)
			return b.String()
		}
		end := open + strings.IndexByte(t[open:], '}')
		b.WriteString(t[:open])
		b.WriteString(pick(r, strings.Split(t[open+1:end], "|")))
		t = t[end+1:]
	}
}

var (
	subjectives = []string{
		"Client reports {feeling \"flat\"|low mood|more energy|racing thoughts at night} since the last session, {most days|about half of the days|mainly on weekends}. Sleep {4-5|6|7} hours.",
		"\"I {didn't cancel|went anyway|said no|asked for help} this time.\" Describes {an argument at work|a visit with family|a job interview|a panic attack on the train} and how it was handled.",
		"Mood rated {3|4|5|6|7}/10. {Appetite reduced|Appetite normal|Skipping breakfast}. Denies {any thoughts of self-harm|suicidal ideation, plan or intent}.",
		"Reports {two|three|no} panic attacks since {Monday|last week}.\nUsed {box breathing|grounding 5-4-3-2-1|the worry journal} {once|daily|\"when I remember\"}.",
		"Arrived {on time|10 minutes late|early}; talked about {the move to São Paulo|naïve hopes for the new job|the café where it happened|her résumé} and felt {relieved|tense|proud 🙂} telling it.",
	}
	objectives = []string{
		"Alert and oriented ×4. Affect {congruent|restricted|bright|labile}. Speech {normal rate|soft|pressured at times}. Thought process {linear|circumstantial}.",
		"Appearance {neat|casual|tired}; eye contact {good|intermittent}. Psychomotor {within normal limits|slowed|restless}. Insight {fair|good}, judgment {fair|intact}.",
		"Engaged and cooperative; {tearful when speaking of the loss|laughed easily|long pauses}. No evidence of psychosis. Risk: {low|low-moderate}, protective factors reviewed.",
	}
	assessments = []string{
		"Symptoms {improving slowly|unchanged|somewhat worse after the holidays} and consistent with the working diagnosis. Responds well to {CBT|behavioral activation|ACT|EMDR preparation}.",
		"Progress toward goal {1|2|3}: {on track|partial|met}. Avoidance {decreasing|still high}; homework completion <{50|75|90}%.",
		"Functional status: {working full time|on reduced hours|back at school}. Prognosis {good|fair|guarded} with continued weekly care.",
	}
	plans = []string{
		"Continue {weekly|fortnightly} sessions. Homework: {thought record|activity schedule|values worksheet|sleep diary}. Review PHQ-9 & GAD-7 in {2|4} weeks.",
		"Next session: {exposure step 3|role play|relapse prevention plan|review of safety plan}. {Coordinate with PCP about sleep.|No change in plan.}",
		"Practice {breathing|assertive \"I\" statements|mindfulness} {daily|5×/week}; call the crisis line 988 if needed.",
	}
	presenting = []string{
		"Presents with {depressed mood|excessive worry|flashbacks|relationship distress|difficulty concentrating} for {three months|about a year|\"as long as I can remember\"}. Referred by {PCP|self|school counselor}.",
		"Seeking help for {panic|low mood and insomnia|conflict at home|grief after a death}. Goals: {sleep|\"to feel like myself again\"|better communication}.",
	}
	histories = []string{
		"{No prior treatment|Prior outpatient therapy, 2019|One hospitalization, age 24}. Family history of {depression|anxiety|none known}. Lives with {partner|parents|two roommates|family}. {Works in retail|Teacher|Student|Between jobs}.",
		"Medical: {none|migraine|hypothyroidism|asthma}. Trauma history {denied|reported, details deferred}. Alcohol {1-2 drinks/week|none|socially}.",
	}
	recoveryData = []string{
		"Reports {12|30|45|90} days without alcohol. Craving {2|4|6}/10, strongest {in the evening|after work|on paydays}. Attended {two|three|four} meetings.",
		"Discussed {a lapse on Saturday|contact with former friends|medication adherence}. UDS {negative|pending}. \"One day at a time.\"",
	}
	recoveryAssessment = []string{
		"Alcohol use disorder, {early remission|moderate}. Stage of change: {action|preparation|maintenance}. ASAM level {1|2.1}.",
		"Engaged with the programme; {triggers identified|coping skills emerging}. Risk of relapse {moderate|low}.",
	}
	recoveryPlan = []string{
		"Continue individual and group counseling. {Naltrexone as prescribed.|Sponsor contact daily.} Next UDS in {1|2} weeks.",
		"Update relapse prevention plan; {family session offered|call counselor before high-risk events}.",
	}
	jointData = []string{
		"Both {described|disagreed about} {the division of chores|money|parenting of the youngest|time with in-laws}. Practiced {speaker-listener|time-outs|appreciations}.",
		"Session focused on {repair after Sunday's argument|trust|bedtime routine}. Each {named one need|listened without interrupting}.",
	}
	jointAssessment = []string{
		"Interaction cycle {softening|still escalates quickly}; {good use of humor|withdrawal noted}. No safety concerns.",
		"Relationship distress {moderate|reduced}. Homework {done together|not done}.",
	}
	groupData = []string{
		"Attended the group. {Shared for the first time|Gave feedback to the group|Mostly listened}. Skill: {distress tolerance|urge surfing|emotion regulation}.",
		"Took part in {the check-in and the exercise|the role play}; {engaged|distracted at first}. Rated the session {6|7|9}/10.",
	}
	discharges = []string{
		"Completed {14|22|9} sessions. PHQ-9 from {17|14} to {5|6}. Goals {met|mostly met}; discharged to {PCP|self-care} with a relapse prevention plan.",
	}
	consultations = []string{
		"Seen for medication consultation at the therapist's request. Impression: {partial response|good tolerability|insomnia persists}. Recommend {continuing the current dose|a dose increase in 2 weeks|morning dosing}.",
	}
	reflections = []string{
		"My hypothesis is that the {anger|silence|joke} in the middle of the hour covers {shame|fear of being left|grief for the father}.",
		"Countertransference: I felt {protective|bored, then guilty|hurried}. The dream of the {flooded house|locked door} returned.",
		"What was not said today: {the affair|the brother|the money}. Hold this until trust is firmer.",
	}
	goals = []string{
		"Reduce depressive symptoms to a PHQ-9 below {5|10}", "Sleep at least {6|7} hours on {5|6} nights a week", "Leave the house every day", "Reduce panic attacks to fewer than {one|two} a month",
		"Use a coping skill before reacting in {3|4} of 5 conflicts", "Return to {work|school} part time",
	}
	recoveryGoals = []string{"Remain abstinent from alcohol for {60|90} days", "Attend {two|three} support meetings a week", "Build a written relapse prevention plan"}
	interventions = []string{"Cognitive behavioral therapy, weekly", "Behavioral activation with activity schedule", "Emotionally focused therapy, fortnightly", "Skills group, weekly", "Motivational interviewing"}
)
