/*
 * What sanitizers are not to tell of the libraries of musterd-diameter, each with its reason; linked into their builds only.
 * There is nothing here for AddressSanitizer or UndefinedBehaviorSanitizer themselves.
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	/* freeDiameter reads TLS_CA, and TLS_CRL, into lists that it hands over entry by entry and never frees: once in a process */
	/* with a second TLS_CA or TLS_CRL it forgets the name of the first one's file, which its lexer made */
	return "leak:gnutls_x509_crt_list_import2\nleak:gnutls_x509_crl_list_import2\nleak:fddlex\n";
}
