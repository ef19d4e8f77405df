-- Owner's rules. Every change makes a new version of the whole set; a rule stands from one version until before another,
-- so a change writes what it changes and old versions can be read as long as they are kept.
CREATE TABLE rules_version (
	version INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	who TEXT NOT NULL,
	what TEXT NOT NULL
) STRICT;

CREATE TABLE rule (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	place INTEGER NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL,
	cbor BLOB NOT NULL
) STRICT;
-- `until` 0: it stands now.
CREATE UNIQUE INDEX rule_by_name ON rule (name) WHERE until = 0;
CREATE UNIQUE INDEX rule_by_place ON rule (place) WHERE until = 0;
CREATE INDEX rule_past ON rule (until) WHERE until > 0;
