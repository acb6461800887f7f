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
CREATE TABLE public.state_migrations (
    step integer NOT NULL,
    name text NOT NULL,
    digest text NOT NULL
);
INSERT INTO public.client_handles OVERRIDING SYSTEM VALUE VALUES (1, 'client-1');
INSERT INTO public.client_handles OVERRIDING SYSTEM VALUE VALUES (2, 'client-2');
INSERT INTO public.state_migrations VALUES (1, 'client handles', '5e8f26755c5948f106ddc676ee4dcd8381f2835ce6a13d1ac47b185add88f0b5');
SELECT pg_catalog.setval('public.client_handles_handle_seq', 2, true);
ALTER TABLE ONLY public.client_handles
    ADD CONSTRAINT client_handles_client_key_key UNIQUE (client_key);
ALTER TABLE ONLY public.client_handles
    ADD CONSTRAINT client_handles_pkey PRIMARY KEY (handle);
ALTER TABLE ONLY public.state_migrations
    ADD CONSTRAINT state_migrations_pkey PRIMARY KEY (step);
