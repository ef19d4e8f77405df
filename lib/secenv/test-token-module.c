/* A module of PKCS#11 with one token, whose C_Login answers as it is told, and which makes keys as it likes; what was asked for is counted. */
#include <p11-kit/pkcs11.h>
#include <string.h>

#define API __attribute__((visibility("default")))

API CK_RV module_says;
API unsigned module_logins;
API CK_FLAGS module_flags;            /* once a log-in has failed */
API unsigned module_keys;             /* that were made, less those that were erased */
API CK_BBOOL module_loses;            /* sessions: whoever comes again has to log in */
API CK_BBOOL module_gives_out;        /* keys can be read out, whatever was asked for */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret);

static CK_RV nothing(void *arg)
{
	(void)arg;
	return CKR_OK;
}

static CK_RV get_info(CK_INFO *i)
{
	memset(i, 0, sizeof(*i));
	i->cryptokiVersion.major = 2;
	i->cryptokiVersion.minor = 20;
	return CKR_OK;
}

static CK_RV slots(unsigned char present, CK_SLOT_ID *list, CK_ULONG *n)
{
	(void)present;
	if (list)
		list[0] = 1;
	*n = 1;
	return CKR_OK;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *t)
{
	(void)slot;
	memset(t, 0, sizeof(*t));
	memset(t->label, ' ', sizeof(t->label));
	memcpy(t->label, "odd", 3);
	t->flags = module_logins ? module_flags : 0;
	return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *ret)
{
	(void)slot;
	(void)flags;
	(void)app;
	(void)notify;
	*ret = 1;
	return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE s)
{
	(void)s;
	return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE s, CK_USER_TYPE who, unsigned char *pin, CK_ULONG n)
{
	(void)s;
	(void)who;
	(void)pin;
	(void)n;
	module_logins++;
	return module_says;
}

static CK_RV session_info(CK_SESSION_HANDLE s, CK_SESSION_INFO *i)
{
	(void)s;
	if (module_loses)
		return CKR_SESSION_HANDLE_INVALID;
	memset(i, 0, sizeof(*i));
	i->state = CKS_RW_USER_FUNCTIONS;
	return CKR_OK;
}

static CK_RV take_key(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	(void)s;
	(void)t;
	(void)n;
	*ret = ++module_keys;
	return CKR_OK;
}

static CK_RV make_pair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub, CK_ULONG n_pub, CK_ATTRIBUTE *priv, CK_ULONG n_priv,
		       CK_OBJECT_HANDLE *ret_pub, CK_OBJECT_HANDLE *ret_priv)
{
	(void)m;
	(void)take_key(s, pub, n_pub, ret_pub);
	return take_key(s, priv, n_priv, ret_priv);
}

static CK_RV erase(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h)
{
	(void)s;
	(void)h;
	module_keys--;
	return CKR_OK;
}

static CK_RV attributes(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *t, CK_ULONG n)
{
	(void)s;
	(void)h;
	for (CK_ULONG i = 0; i < n; i++)
		*(CK_BBOOL *)t[i].pValue = t[i].type == CKA_EXTRACTABLE ? module_gives_out : CK_TRUE;
	return CKR_OK;
}

API CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret)
{
	static CK_FUNCTION_LIST list = {
		.version = { 2, 20 }, .C_Initialize = nothing, .C_Finalize = nothing, .C_GetInfo = get_info, .C_GetFunctionList = C_GetFunctionList,
		.C_GetSlotList = slots, .C_GetTokenInfo = token_info, .C_OpenSession = open_session, .C_CloseSession = close_session, .C_Login = login,
		.C_GetSessionInfo = session_info, .C_CreateObject = take_key, .C_GenerateKeyPair = make_pair,
		.C_DestroyObject = erase, .C_GetAttributeValue = attributes,
	};

	*ret = &list;
	return CKR_OK;
}
