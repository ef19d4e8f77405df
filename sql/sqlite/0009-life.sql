-- The life of subscriptions and nodes. `due`: when the clock has something to say next; NULL: nothing more.
ALTER TABLE subscription ADD COLUMN due INTEGER;
UPDATE subscription SET due = not_after WHERE state <> 2;
CREATE INDEX subscription_due ON subscription (due) WHERE due IS NOT NULL;
ALTER TABLE credential ADD COLUMN due INTEGER;
UPDATE credential SET due = expires WHERE state = 1 AND purpose = 4;
CREATE INDEX credential_due ON credential (role, due) WHERE due IS NOT NULL;

-- A released node may stay until `leave_by`; an operator lets it enrol anew until `reenrol_until`. 0: no.
ALTER TABLE node ADD COLUMN leave_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN reenrol_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX node_leaving ON node (leave_by) WHERE leave_by <> 0;

-- Whose a node was: its events up to number `last` are that provider's, and nobody else's.
CREATE TABLE node_past (
	node INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
	last INTEGER NOT NULL,
	at INTEGER NOT NULL,
	sp_fqdn TEXT NOT NULL,
	PRIMARY KEY (node, last)
) STRICT, WITHOUT ROWID;
