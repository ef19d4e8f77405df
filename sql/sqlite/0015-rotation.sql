-- Which key a rotation is to: a number may come again when the keeper's directory was brought back from a backup. All zero: of a version that did not say.
ALTER TABLE rotation ADD COLUMN mark BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(mark) = 16);
