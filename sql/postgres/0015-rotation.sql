-- Which key a rotation is to: a number may come again when the keeper's directory was brought back from a backup. All zero: of a version that did not say.
ALTER TABLE rotation ADD COLUMN mark BYTEA NOT NULL DEFAULT '\x00000000000000000000000000000000' CHECK (octet_length(mark) = 16);
