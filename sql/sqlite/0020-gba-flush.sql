-- Whose bootstrapping an operator has ended, so that what the HSS was asked for before then is not taken; '' is everybody's. n: the time of it, or the
-- next number after the last one's. An hour later nothing can be on its way any more, and the row goes.
CREATE TABLE gba_flush (
	impi TEXT PRIMARY KEY NOT NULL,
	n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
