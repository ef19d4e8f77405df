-- Which of the two keys of GBA_U the service of a SIM's settings is to have (GUSS, keyChoice); 0: nothing is said.
ALTER TABLE sim ADD COLUMN key_choice INTEGER NOT NULL DEFAULT 0;
