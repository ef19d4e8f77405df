-- The realm of an IMPI is a domain name, and SIMs are found by it in lower case, however it is said. Where there are two SIMs that differ in
-- nothing else, they stay as they are, and are found by their IMSI.
UPDATE sim SET impi = split_part(impi, '@', 1) || '@' || lower(split_part(impi, '@', 2))
	WHERE impi <> split_part(impi, '@', 1) || '@' || lower(split_part(impi, '@', 2))
	AND NOT EXISTS (SELECT 1 FROM sim other WHERE other.id <> sim.id AND split_part(other.impi, '@', 1) || '@' || lower(split_part(other.impi, '@', 2))
		= split_part(sim.impi, '@', 1) || '@' || lower(split_part(sim.impi, '@', 2)));
