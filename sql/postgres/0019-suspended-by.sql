-- Who ordered the suspension of a node or a subscription that is suspended: 0 the installation, 1 its provider. Of one from before nobody wrote down whose it is,
-- so it is the installation's, which alone can lift such a one.
ALTER TABLE node ADD COLUMN suspended_by BIGINT NOT NULL DEFAULT 0 CHECK (suspended_by BETWEEN 0 AND 1);
ALTER TABLE subscription ADD COLUMN suspended_by BIGINT NOT NULL DEFAULT 0 CHECK (suspended_by BETWEEN 0 AND 1);
