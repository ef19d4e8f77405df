-- First slice: registry, rows per role, audit log.
-- Times are UTC seconds; absent references and absent unique names are NULL; wrapped keys are opaque octets.

CREATE TABLE subscription (
	id TEXT NOT NULL PRIMARY KEY,
	sp_fqdn TEXT NOT NULL,
	maf_fqdn TEXT NOT NULL,
	maf_uri TEXT NOT NULL,
	registrar_cse_id TEXT NOT NULL,
	registrar_poa TEXT NOT NULL,
	not_before INTEGER NOT NULL,
	not_after INTEGER NOT NULL,
	key_lifetime INTEGER NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	created INTEGER NOT NULL,
	changed INTEGER NOT NULL
) STRICT;

CREATE TABLE node (
	id INTEGER PRIMARY KEY,
	node_id TEXT NOT NULL UNIQUE,
	cse_id TEXT UNIQUE,
	ae_id TEXT NOT NULL,
	sub_id TEXT REFERENCES subscription (id),
	maker TEXT NOT NULL,
	model TEXT NOT NULL,
	serial TEXT NOT NULL,
	batch TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 7),
	reason TEXT NOT NULL,
	created INTEGER NOT NULL,
	changed INTEGER NOT NULL,
	last_seen INTEGER NOT NULL,
	attempt TEXT NOT NULL,
	last_step TEXT NOT NULL
) STRICT;
-- The row id ends every index, so a filtered page is one range of one index.
CREATE INDEX node_by_state ON node (state);
CREATE INDEX node_by_subscription ON node (sub_id) WHERE sub_id IS NOT NULL;
CREATE INDEX node_by_maker ON node (maker);

-- How many nodes are in each state, kept by the triggers: counting a fleet must not read it.
CREATE TABLE node_count (
	state INTEGER PRIMARY KEY,
	n INTEGER NOT NULL CHECK (n >= 0)
) STRICT;
INSERT INTO node_count (state, n) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0);
CREATE TRIGGER node_counted AFTER INSERT ON node BEGIN
	UPDATE node_count SET n = n + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER node_recounted AFTER UPDATE OF state ON node WHEN OLD.state <> NEW.state BEGIN
	UPDATE node_count SET n = n - 1 WHERE state = OLD.state;
	UPDATE node_count SET n = n + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER node_discounted AFTER DELETE ON node BEGIN
	UPDATE node_count SET n = n - 1 WHERE state = OLD.state;
END;

CREATE TABLE identity (
	kind INTEGER NOT NULL,
	value TEXT NOT NULL,
	anchor BLOB NOT NULL CHECK (length(anchor) = 32),
	node INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
	PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_by_node ON identity (node);

-- Rows of the roles. `node` is no reference: a role may run where the registry is not.
CREATE TABLE registration (
	role INTEGER NOT NULL,
	reg_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	admin_fqdn TEXT NOT NULL,
	node INTEGER,
	key_id TEXT NOT NULL,
	labels TEXT NOT NULL,
	created INTEGER NOT NULL,
	modified INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	last_cmd TEXT NOT NULL,
	last_cmd_status INTEGER NOT NULL,
	PRIMARY KEY (role, reg_id),
	UNIQUE (role, client_id, admin_fqdn)
) STRICT;
CREATE INDEX registration_by_node ON registration (role, node) WHERE node IS NOT NULL;

CREATE TABLE keyreg (
	role INTEGER NOT NULL,
	rel_key_id TEXT NOT NULL,
	reg_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	admin_fqdn TEXT NOT NULL,
	suid INTEGER NOT NULL,
	targets TEXT NOT NULL,
	labels TEXT NOT NULL,
	key BLOB NOT NULL,
	exporter INTEGER NOT NULL CHECK (exporter IN (0, 1)),
	session INTEGER NOT NULL,
	created INTEGER NOT NULL,
	modified INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	PRIMARY KEY (role, rel_key_id),
	FOREIGN KEY (role, reg_id) REFERENCES registration (role, reg_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX keyreg_by_registration ON keyreg (role, reg_id);

CREATE TABLE credential (
	role INTEGER NOT NULL,
	key_id TEXT NOT NULL,
	purpose INTEGER NOT NULL,
	key BLOB NOT NULL,
	client_id TEXT NOT NULL,
	via TEXT NOT NULL,
	node INTEGER,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	last_used INTEGER NOT NULL,
	PRIMARY KEY (role, key_id)
) STRICT;
CREATE INDEX credential_by_client ON credential (role, client_id);
CREATE INDEX credential_by_via ON credential (role, via) WHERE via <> '';
CREATE INDEX credential_by_node ON credential (role, node) WHERE node IS NOT NULL;

-- A registration takes its credentials with it: those that came through it, and the one it assigned.
CREATE TRIGGER registration_gone AFTER DELETE ON registration BEGIN
	DELETE FROM credential WHERE role = OLD.role AND via = OLD.reg_id AND via <> '';
	DELETE FROM credential WHERE role = OLD.role AND key_id = OLD.key_id;
END;

CREATE TABLE certificate (
	serial TEXT NOT NULL PRIMARY KEY,
	subject TEXT NOT NULL,
	node INTEGER,
	issued INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	revoked INTEGER NOT NULL,
	reason INTEGER NOT NULL
) STRICT;
CREATE INDEX certificate_revoked ON certificate (expires) WHERE revoked <> 0;

-- Audit log. Only ever grows, without gaps; every entry carries the hash of all before it.
CREATE TABLE event (
	seq INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	role TEXT NOT NULL,
	what TEXT NOT NULL,
	node INTEGER,
	who TEXT NOT NULL,
	attempt TEXT NOT NULL,
	outcome INTEGER NOT NULL,
	why TEXT NOT NULL,
	hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX event_by_node ON event (node) WHERE node IS NOT NULL;
CREATE INDEX event_by_attempt ON event (attempt) WHERE attempt <> '';
CREATE TRIGGER event_in_order BEFORE INSERT ON event
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM event) BEGIN
	SELECT RAISE(ABORT, 'the audit log has no gaps and no second entry of a number');
END;
CREATE TRIGGER event_never_changed BEFORE UPDATE ON event BEGIN
	SELECT RAISE(ABORT, 'entries of the audit log are never changed');
END;
CREATE TRIGGER event_never_deleted BEFORE DELETE ON event BEGIN
	SELECT RAISE(ABORT, 'entries of the audit log are never deleted');
END;
