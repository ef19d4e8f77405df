-- Which generation has wrapped a key stands in its first three octets. Before one is destroyed it is asked whether any row still begins otherwise: by an index, since
-- that is one question in the middle of everything else. `stays`: how many did when the last pass over all rows was through.
CREATE INDEX credential_head ON credential (substr(key, 1, 3));
CREATE INDEX keyreg_head ON keyreg (substr(key, 1, 3));
CREATE INDEX sim_head ON sim (substr(key, 1, 3));
CREATE INDEX gba_session_head ON gba_session (substr(ks, 1, 3));
CREATE INDEX gba_run_head ON gba_run (substr(av, 1, 3));
ALTER TABLE rotation ADD COLUMN stays INTEGER NOT NULL DEFAULT 0;
