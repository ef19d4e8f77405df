-- The number of a request for a certificate is not given again when the newest has gone: a yes to it may be on its way.
ALTER TABLE cert_request RENAME TO cert_request_before;
DROP INDEX cert_request_by_state;
CREATE TABLE cert_request (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
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
INSERT INTO cert_request SELECT id, node, csr_sha256, subject, state, renewal, serial, asked, decided, reason FROM cert_request_before;
DROP TABLE cert_request_before;
CREATE INDEX cert_request_by_state ON cert_request (state);
