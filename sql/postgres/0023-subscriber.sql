-- Whose a session and a TMPI are, with the realm of the IMPI in lower case. `impi` stays as the node says it, since keys are derived of that.
-- An IMPI is user@realm; what a foreign HSS made otherwise ends here.
DELETE FROM gba_session WHERE impi LIKE '%@%@%' OR impi NOT LIKE '%@%';
DELETE FROM gba_tmpi WHERE impi LIKE '%@%@%' OR impi NOT LIKE '%@%';
ALTER TABLE gba_session ADD COLUMN subscriber TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE gba_session SET subscriber = split_part(impi, '@', 1) || '@' || lower(split_part(impi, '@', 2));
DROP INDEX gba_session_impi;
CREATE INDEX gba_session_subscriber ON gba_session (subscriber, created);

-- One for each subscriber: a new one takes the place of the old.
CREATE TABLE gba_tmpi_of (
	subscriber TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	impi TEXT COLLATE "C" NOT NULL,
	tmpi TEXT COLLATE "C" NOT NULL UNIQUE,
	made BIGINT NOT NULL
);
INSERT INTO gba_tmpi_of (subscriber, impi, tmpi, made)
	SELECT DISTINCT ON (subscriber) split_part(impi, '@', 1) || '@' || lower(split_part(impi, '@', 2)) AS subscriber, impi, tmpi, made
	FROM gba_tmpi ORDER BY subscriber, made DESC;
DROP TABLE gba_tmpi;
ALTER TABLE gba_tmpi_of RENAME TO gba_tmpi;
