-- A node may have an AE-ID alone: by that it is looked for, too. Not UNIQUE: there may be two from before, and the code takes no second one.
CREATE INDEX node_by_ae_id ON node (ae_id) WHERE ae_id <> '';
