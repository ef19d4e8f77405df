-- The command channel whole (TS-0003 8.3.9): for whom a command is, by which stakeholder, and what became of it step by step.
ALTER TABLE command ADD COLUMN target TEXT NOT NULL DEFAULT '';
ALTER TABLE command ADD COLUMN admin_fqdn TEXT NOT NULL DEFAULT '';
CREATE TABLE command_step (
	id INTEGER PRIMARY KEY,
	command INTEGER NOT NULL REFERENCES command (id) ON DELETE CASCADE,
	at INTEGER NOT NULL,
	what INTEGER NOT NULL CHECK (what BETWEEN 0 AND 5),
	cmd_id TEXT NOT NULL,
	status INTEGER NOT NULL,
	times INTEGER NOT NULL
) STRICT;
CREATE INDEX command_step_by_command ON command_step (command);

-- Management objects that a node is to have (DEV_CFG), as it is given them; one document per stakeholder.
CREATE TABLE device_config (
	node INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
	admin_fqdn TEXT NOT NULL,
	content TEXT NOT NULL,
	changed INTEGER NOT NULL,
	PRIMARY KEY (node, admin_fqdn)
) STRICT;
