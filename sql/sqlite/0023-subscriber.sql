-- Whose a session and a TMPI are, with the realm of the IMPI in lower case. `impi` stays as the node says it, since keys are derived of that.
-- An IMPI is user@realm; what a foreign HSS made otherwise ends here.
DELETE FROM gba_session WHERE impi LIKE '%@%@%' OR impi NOT LIKE '%@%';
DELETE FROM gba_tmpi WHERE impi LIKE '%@%@%' OR impi NOT LIKE '%@%';
ALTER TABLE gba_session ADD COLUMN subscriber TEXT NOT NULL DEFAULT '';
UPDATE gba_session SET subscriber = substr(impi, 1, instr(impi, '@')) || lower(substr(impi, instr(impi, '@') + 1));
DROP INDEX gba_session_impi;
CREATE INDEX gba_session_subscriber ON gba_session (subscriber, created);

-- One for each subscriber: a new one takes the place of the old.
CREATE TABLE gba_tmpi_of (
	subscriber TEXT NOT NULL PRIMARY KEY,
	impi TEXT NOT NULL,
	tmpi TEXT NOT NULL UNIQUE,
	made INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT OR REPLACE INTO gba_tmpi_of (subscriber, impi, tmpi, made)
	SELECT substr(impi, 1, instr(impi, '@')) || lower(substr(impi, instr(impi, '@') + 1)), impi, tmpi, made FROM gba_tmpi ORDER BY made;
DROP TABLE gba_tmpi;
ALTER TABLE gba_tmpi_of RENAME TO gba_tmpi;
