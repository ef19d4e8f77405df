-- SIMs of the operator (role hss). `sqn`: the highest number given out in a vector; it never falls, whatever a program does.
CREATE TABLE sim (
	id INTEGER PRIMARY KEY,
	imsi TEXT NOT NULL UNIQUE,
	impi TEXT NOT NULL UNIQUE,
	msisdn TEXT UNIQUE,
	algorithm INTEGER NOT NULL,
	key BLOB NOT NULL,
	amf INTEGER NOT NULL,
	sqn INTEGER NOT NULL,
	ind INTEGER NOT NULL,
	state INTEGER NOT NULL,
	reason TEXT NOT NULL,
	node INTEGER UNIQUE REFERENCES node (id) ON DELETE SET NULL,
	uicc INTEGER NOT NULL,
	lifetime INTEGER NOT NULL,
	naf_group TEXT NOT NULL,
	gsid INTEGER NOT NULL,
	created INTEGER NOT NULL,
	changed INTEGER NOT NULL,
	vectors INTEGER NOT NULL,
	vector_at INTEGER NOT NULL,
	paced INTEGER NOT NULL
) STRICT;
CREATE TRIGGER sim_sqn_never_falls BEFORE UPDATE OF sqn ON sim WHEN NEW.sqn < OLD.sqn
BEGIN
	SELECT raise(ABORT, 'the sequence number of a SIM never falls');
END;
