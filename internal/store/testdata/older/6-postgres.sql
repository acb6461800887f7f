CREATE TABLE public.app_grants (
    id text NOT NULL COLLATE pg_catalog."C",
    family bytea,
    secret bytea,
    app text NOT NULL,
    patient text NOT NULL,
    person text NOT NULL,
    scope text NOT NULL,
    until bigint NOT NULL,
    ended bigint NOT NULL,
    begun bigint DEFAULT 0 NOT NULL,
    ended_by text DEFAULT ''::text NOT NULL,
    ended_at bigint DEFAULT 0 NOT NULL,
    operator text DEFAULT ''::text NOT NULL,
    redeemed bigint DEFAULT 1 NOT NULL
);
CREATE TABLE public.client_handles (
    handle bigint NOT NULL,
    client_key text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE public.client_handles ALTER COLUMN handle ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.client_handles_handle_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.partners (
    id text NOT NULL COLLATE pg_catalog."C",
    entry text NOT NULL,
    enabled bigint NOT NULL
);
CREATE TABLE public.revoked (
    mark bytea NOT NULL,
    until bigint NOT NULL
);
CREATE TABLE public.standing (
    version bigint NOT NULL
);
CREATE TABLE public.state_migrations (
    step integer NOT NULL,
    name text NOT NULL,
    digest text NOT NULL
);
INSERT INTO public.app_grants VALUES ('grant-1', '\xd34a569ab7aaa54dacd715ae64953455d86b768846cd0085ef4e9e7471489b7b', '\x16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4', 'diary', 'Patient/p1', 'Patient/p1', 'patient/*.rs', 4070908800, 0, 1793534400, '', 0, '', 1);
INSERT INTO public.app_grants VALUES ('grant-2', NULL, NULL, 'diary', 'Patient/p1', 'Patient/p1', 'patient/*.rs', 4070908800, 1, 1793534400, 'operator', 1793534400, 'somebody', 1);
INSERT INTO public.app_grants VALUES ('grant-3', NULL, NULL, '', '', '', '', 4070908800, 1, 0, 'reuse', 1793534400, '', 1);
INSERT INTO public.client_handles OVERRIDING SYSTEM VALUE VALUES (1, 'client-1');
INSERT INTO public.client_handles OVERRIDING SYSTEM VALUE VALUES (2, 'client-2');
INSERT INTO public.partners VALUES ('clinic', 'entry of the clinic', 1);
INSERT INTO public.partners VALUES ('plan', 'entry of the plan', 0);
INSERT INTO public.revoked VALUES ('\x0102030000000000000000000000000000000000000000000000000000000000', 4070908800000000000);
INSERT INTO public.standing VALUES (4);
INSERT INTO public.state_migrations VALUES (1, 'client handles', '5e8f26755c5948f106ddc676ee4dcd8381f2835ce6a13d1ac47b185add88f0b5');
INSERT INTO public.state_migrations VALUES (2, 'partners, and what is revoked', 'abbd7489de0693ce88690320931fd58be8a91137729a9f440621bb7f5fa11828');
INSERT INTO public.state_migrations VALUES (3, 'what clients have given to apps', '045f49051333c5fe1adcba57be89a1bb98c9ea2afc37ba5de78a0f328a2542a0');
INSERT INTO public.state_migrations VALUES (4, 'since when apps have what they were given', '15c7673caa230e3b876449318e39437c875a4bea9de0d8caadc3943d86595b9b');
INSERT INTO public.state_migrations VALUES (5, 'who has ended what apps were given', '38a857f363ad8ec2e8a6da08535c233e05d7b3b258db4dfdd046aeeba01c50e9');
INSERT INTO public.state_migrations VALUES (6, 'what apps were given and have not come for', '603b5a1401b098e50b5a582cd15f9fcca2e27568efbda8051a60185524f05e30');
SELECT pg_catalog.setval('public.client_handles_handle_seq', 2, true);
ALTER TABLE ONLY public.app_grants
    ADD CONSTRAINT app_grants_family_key UNIQUE (family);
ALTER TABLE ONLY public.app_grants
    ADD CONSTRAINT app_grants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.client_handles
    ADD CONSTRAINT client_handles_client_key_key UNIQUE (client_key);
ALTER TABLE ONLY public.client_handles
    ADD CONSTRAINT client_handles_pkey PRIMARY KEY (handle);
ALTER TABLE ONLY public.partners
    ADD CONSTRAINT partners_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.revoked
    ADD CONSTRAINT revoked_pkey PRIMARY KEY (mark);
ALTER TABLE ONLY public.state_migrations
    ADD CONSTRAINT state_migrations_pkey PRIMARY KEY (step);
CREATE INDEX app_grants_until ON public.app_grants USING btree (until);
