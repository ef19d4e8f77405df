-- What one person asked for and another one has to say yes to. The ticket is the keeper's; the request is what it is for, octet by octet.
CREATE TABLE approval (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3), -- waits, done, refused, out of time
	asked_by INTEGER NOT NULL,
	asked INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	nonce BLOB NOT NULL CHECK (length(nonce) = 16),
	ticket BLOB NOT NULL,
	request BLOB NOT NULL,
	by INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	outcome INTEGER NOT NULL,
	reason TEXT NOT NULL
) STRICT;
CREATE INDEX approval_state ON approval (state, expires);
