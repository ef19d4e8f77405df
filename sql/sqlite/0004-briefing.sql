-- Briefings: what nodes asked and were told, and where nodes stand.

-- Where a node is, as people said it; what a node says of itself stands in its briefings' facts.
CREATE TABLE place (
	node INTEGER PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
	has INTEGER NOT NULL,
	latitude INTEGER NOT NULL,
	longitude INTEGER NOT NULL,
	accuracy INTEGER NOT NULL,
	cell TEXT NOT NULL,
	site TEXT NOT NULL,
	who TEXT NOT NULL,
	at INTEGER NOT NULL
) STRICT;

-- `node` is no reference: the role may run where the registry is not.
CREATE TABLE briefing (
	id TEXT NOT NULL PRIMARY KEY,
	node INTEGER,
	who TEXT NOT NULL,
	attempt TEXT NOT NULL,
	ask BLOB NOT NULL CHECK (length(ask) = 32),
	at INTEGER NOT NULL,
	until INTEGER NOT NULL,
	rule TEXT NOT NULL,
	rules_version INTEGER NOT NULL,
	outcome INTEGER NOT NULL,
	facts BLOB NOT NULL,
	answer BLOB NOT NULL,
	reported TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	failures INTEGER NOT NULL,
	reports INTEGER NOT NULL,
	report_at INTEGER NOT NULL,
	target TEXT NOT NULL
) STRICT;
-- The same question of the same node in the same attempt has one answer.
CREATE UNIQUE INDEX briefing_by_question ON briefing (who, attempt, ask);
CREATE INDEX briefing_by_node ON briefing (node, at) WHERE node IS NOT NULL;
CREATE INDEX briefing_by_time ON briefing (at);
