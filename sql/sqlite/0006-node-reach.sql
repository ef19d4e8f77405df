-- How a node is reached from outside: its number, and the counter of the triggers that were made for it.
CREATE TABLE node_reach (
	node INTEGER PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
	number TEXT NOT NULL,
	counter INTEGER NOT NULL,
	triggered INTEGER NOT NULL
) STRICT;
