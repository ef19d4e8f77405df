-- Certificates issued over EST: their octets, requests that wait for the operator, challenges, and commands of the MEF.
CREATE INDEX certificate_by_node ON certificate (node) WHERE node IS NOT NULL;
CREATE TABLE certificate_der (
	serial TEXT NOT NULL PRIMARY KEY REFERENCES certificate (serial) ON DELETE CASCADE,
	sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
	der BLOB NOT NULL
) STRICT;

-- One row for each request of a node, by its hash: a repeated one gets the same answer.
CREATE TABLE cert_request (
	id INTEGER PRIMARY KEY,
	node INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
	csr_sha256 BLOB NOT NULL CHECK (length(csr_sha256) = 32),
	subject TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
	renewal INTEGER NOT NULL CHECK (renewal IN (0, 1)),
	serial TEXT NOT NULL,
	asked INTEGER NOT NULL,
	decided INTEGER NOT NULL,
	reason TEXT NOT NULL,
	UNIQUE (node, csr_sha256)
) STRICT;
CREATE INDEX cert_request_by_state ON cert_request (state);

-- The challengePassword that a node's next requests must repeat (TS-0003 8.3.6.2).
CREATE TABLE cert_challenge (
	node INTEGER PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
	value TEXT NOT NULL,
	made INTEGER NOT NULL
) STRICT;

-- Commands for MEF clients (TS-0003 8.3.9), of any class: `number`, `uri`, `kind` and `subject` are its arguments.
CREATE TABLE command (
	id INTEGER PRIMARY KEY,
	node INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
	class INTEGER NOT NULL,
	number INTEGER NOT NULL,
	uri TEXT NOT NULL,
	kind INTEGER NOT NULL,
	subject TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
	reg_id TEXT NOT NULL,
	cmd_id TEXT NOT NULL,
	status INTEGER NOT NULL,
	created INTEGER NOT NULL,
	issued INTEGER NOT NULL,
	ended INTEGER NOT NULL
) STRICT;
CREATE INDEX command_by_node ON command (node, state);
