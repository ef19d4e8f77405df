-- Names that are bound to no trust anchor, or to any: few, and the operator is told how many.
CREATE INDEX identity_wild ON identity (node)
WHERE anchor IN (x'0000000000000000000000000000000000000000000000000000000000000000',
	x'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF');
