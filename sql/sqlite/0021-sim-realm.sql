-- The realm of an IMPI is a domain name, and SIMs are found by it in lower case, however it is said. Where there are two SIMs that differ in
-- nothing else, one stays as it is, and is found by its IMSI.
UPDATE OR IGNORE sim SET impi = substr(impi, 1, instr(impi, '@')) || lower(substr(impi, instr(impi, '@') + 1))
	WHERE impi <> substr(impi, 1, instr(impi, '@')) || lower(substr(impi, instr(impi, '@') + 1));
