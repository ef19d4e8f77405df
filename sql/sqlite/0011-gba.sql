-- The BSF: challenges that were given out, sessions, who is called what, who guessed wrong.
CREATE TABLE gba_run (
	nonce TEXT NOT NULL PRIMARY KEY,
	impi TEXT NOT NULL,
	origin TEXT NOT NULL,
	username TEXT NOT NULL,
	opaque TEXT NOT NULL,
	rand BLOB NOT NULL,
	algorithm INTEGER NOT NULL,
	qop INTEGER NOT NULL,
	state INTEGER NOT NULL,
	in_card INTEGER NOT NULL,
	tmpi_ue INTEGER NOT NULL,
	resyncs INTEGER NOT NULL,
	until INTEGER NOT NULL,
	response TEXT NOT NULL,
	cnonce TEXT NOT NULL,
	nc TEXT NOT NULL,
	av BLOB NOT NULL,
	guss TEXT NOT NULL
) STRICT;
CREATE INDEX gba_run_ends ON gba_run (until);
CREATE INDEX gba_run_impi ON gba_run (impi, origin, until);

CREATE TABLE gba_session (
	btid TEXT NOT NULL PRIMARY KEY,
	impi TEXT NOT NULL,
	rand BLOB NOT NULL,
	in_card INTEGER NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	ks BLOB NOT NULL,
	guss TEXT NOT NULL,
	briefing TEXT NOT NULL,
	used INTEGER NOT NULL
) STRICT;
CREATE INDEX gba_session_ends ON gba_session (expires);
CREATE INDEX gba_session_impi ON gba_session (impi, created);

-- One for each subscriber: a new one takes the place of the old.
CREATE TABLE gba_tmpi (
	impi TEXT NOT NULL PRIMARY KEY,
	tmpi TEXT NOT NULL UNIQUE,
	made INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Wrong answers in a row from one place, so that no stranger elsewhere locks a subscriber out; `until`: no answer is taken before (0: all are). `forget`: the row ends by itself.
CREATE TABLE gba_lock (
	impi TEXT NOT NULL,
	origin TEXT NOT NULL,
	wrong INTEGER NOT NULL,
	until INTEGER NOT NULL,
	forget INTEGER NOT NULL,
	PRIMARY KEY (impi, origin)
) STRICT, WITHOUT ROWID;
CREATE INDEX gba_lock_ends ON gba_lock (forget);
