-- Which key a rotation is to: a number may come again when the keeper's directory was brought back from a backup. All zero: of a version that did not say.
ALTER TABLE rotation ADD COLUMN mark BYTEA NOT NULL DEFAULT '\x00000000000000000000000000000000' CHECK (octet_length(mark) = 16);
-- When every key is wrapped anew the key of before stays until then (0: not every one is yet); and how many keys that nobody can open were given up.
ALTER TABLE rotation ADD COLUMN kept_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rotation ADD COLUMN given_up BIGINT NOT NULL DEFAULT 0;
