-- A certificate shows a CSE by its public domain name, in which case does not count: whose that is, is found by its CSE-ID in lower case (all are
-- ASCII). Not UNIQUE: there may be two from before, and the code takes no second one. 4: a CSE-ID.
CREATE INDEX identity_of_cse ON identity (lower(value)) WHERE kind = 4;
CREATE INDEX node_of_cse ON node (lower(cse_id)) WHERE cse_id IS NOT NULL;
-- Is there such a provider?
CREATE INDEX subscription_by_sp ON subscription (sp_fqdn);
