/*
 * Rows of the names table, X(ENUM, "long", "ts0032"): see names.h. Where TS-0032's short name is not
 * known (spec 11) both columns are the same.
 */
#ifndef MST_CODEC_NAMES_LIST_H
#define MST_CODEC_NAMES_LIST_H

#define MST_NAMES(X)                                                                \
	/* resources */                                                             \
	X(MEF_CLIENT_REG, "sec:mefClientReg", "sec:mefClientReg")                   \
	X(MAF_CLIENT_REG, "sec:mafClientReg", "sec:mafClientReg")                   \
	X(SYMM_KEY_REG, "sec:symmKeyReg", "sec:symmKeyReg")                         \
	X(MEF_CLIENT_CMD, "sec:mefClientCmd", "sec:mefClientCmd")                   \
	X(MEF_CLIENT_CFG, "sec:mefClientCfg", "sec:mefClientCfg")                   \
	X(MAF_CLIENT_CFG, "sec:mafClientCfg", "sec:mafClientCfg")                   \
	/* universal and common attributes, TS-0004 T8.2.3-1 */                     \
	X(TY, "ty", "ty") X(RI, "ri", "ri") X(RN, "rn", "rn") X(PI, "pi", "pi")     \
	X(CT, "ct", "ct") X(LT, "lt", "lt") X(ET, "et", "et") X(LBL, "lbl", "lbl")  \
	X(CH, "ch", "ch") X(NM, "nm", "nm") X(TYP, "typ", "typ") X(VAL, "val", "val") \
	X(CSI, "csi", "csi") X(AEI, "aei", "aei") X(POA, "poa", "poa")              \
	/* an AE at its registrar, TS-0001 9.6.5 */                                 \
	X(AE, "m2m:ae", "m2m:ae") X(API, "api", "api") X(RR, "rr", "rr") X(SRV, "srv", "srv") \
	/* debugging information of a refusal, TS-0004 */                           \
	X(DBG, "m2m:dbg", "m2m:dbg")                                                \
	/* attributes of registrations and keys: spec 4.5, long names of TS-0003 */ \
	X(ADMIN_FQDN, "adminFQDN", "adminFQDN") X(SUID, "SUID", "SUID")             \
	X(TARGET_IDS, "targetIDs", "targetIDs") X(KEY_VALUE, "keyValue", "keyValue") \
	X(RELATIVE_KEY_ID, "relativeKeyID", "relativeKeyID")                        \
	X(SOURCE_CLIENT_ID, "sourceClientID", "sourceClientID")                     \
	X(CLIENT_ID, "clientID", "clientID")                                        \
	X(ASSIGNED_SYMM_KEY_ID, "assignedSymmKeyID", "assignedSymmKeyID")           \
	/* commands: spec 7.1, TS-0003 12.4.4 to 12.4.10 */                         \
	X(CMD_ID, "cmdID", "cmdID") X(CMD_DESCRIPTION, "cmdDescription", "cmdDescription") \
	X(CMD_STATUS_CODE, "cmdStatusCode", "cmdStatusCode")                        \
	X(CMD_CLASS_ID, "cmdClassID", "cmdClassID") X(CMD_ARGS, "cmdArgs", "cmdArgs") \
	X(TARGET_ID, "targetID", "targetID")                                        \
	X(NO_MORE_CMD_ARGS, "noMoreCmdArgs", "noMoreCmdArgs")                       \
	X(CERT_PROV_CMD_ARGS, "certProvCmdArgs", "certProvCmdArgs")                 \
	X(DEV_CFG_CMD_ARGS, "devCfgCmdArgs", "devCfgCmdArgs")                       \
	X(MO_NODE_CMD_ARGS, "MONodeCmdArgs", "MONodeCmdArgs")                       \
	X(RETRY_DURATION, "retryDuration", "retryDuration")                         \
	X(CERT_PROV_PROTOCOL_ID, "certProvProtocolID", "certProvProtocolID")        \
	X(CMD_URI, "URI", "URI")                                                    \
	X(CERT_SUBJECT_TYPE, "certSubjectType", "certSubjectType")                  \
	X(CERT_SUBJECT_ID, "certSubjectID", "certSubjectID")                        \
	X(DEVICE_CONFIG_URI, "deviceConfigURI", "deviceConfigURI")                  \
	X(OBJECT_PATH, "objectPath", "objectPath")                                  \
	X(OBJECT_TYPE_ID, "objectTypeID", "objectTypeID")                           \
	X(OBJECT_TYPE_SPECIFIC_ARGS, "objectTypeSpecificArgs", "objectTypeSpecificArgs") \
	/* management objects: TS-0022 by their long names (spec 7.3); the document around them is ours */ \
	X(OBJECTS, "objects", "objects") X(PATH, "path", "path")                    \
	X(MGMT_DEFINITION, "mgmtDefinition", "mgmtDefinition")                      \
	X(TLS_CIPHERSUITES, "TLSCiphersuites", "TLSCiphersuites")                   \
	X(SYMM_KEY_ID, "symmKeyID", "symmKeyID") X(SYMM_KEY_VALUE, "symmKeyValue", "symmKeyValue") \
	X(KEY_REG_LABELS, "keyRegLabels", "keyRegLabels")                           \
	X(KEY_REG_DURATION, "keyRegDuration", "keyRegDuration")                     \
	X(MY_CERT_FINGERPRINT, "myCertFingerprint", "myCertFingerprint")            \
	X(CERT_FINGERPRINT, "certFingerprint", "certFingerprint") X(FQDN, "fqdn", "fqdn") \
	X(EXPIRATION_TIME, "expirationTime", "expirationTime") X(LABELS, "labels", "labels") \
	X(ORIGINATOR_ID, "originatorID", "originatorID")                            \
	X(POINT_OF_ACCESS, "pointOfAccess", "pointOfAccess") X(CSE_BASE, "CSEBase", "CSEBase") \
	X(REGISTRAR, "CSE-ID", "CSE-ID") X(APP_ID, "appID", "appID")                \
	X(CONTAINER_PATH, "containerPath", "containerPath")                         \
	/* fetchCredentials: spec 2.7.1 names the parameters, the members are ours */ \
	X(STATUS, "status", "status") X(CREDENTIAL, "credential", "credential")     \
	X(ENROLEE_ID, "enroleeID", "enroleeID") X(LIFETIME, "lifetime", "lifetime") \
	X(ERROR_STRING, "errorString", "errorString")                               \
	/* client configuration: ours (spec 4.3.2 leaves it open) */                \
	X(NODE_ID, "nodeID", "nodeID") X(CSE_ID, "cseID", "cseID") X(AE_ID, "aeID", "aeID") \
	X(REGISTRAR_CSE_ID, "registrarCSEID", "registrarCSEID")                     \
	X(REGISTRAR_POA, "registrarPoA", "registrarPoA")                            \
	X(MAF_FQDN, "mafFQDN", "mafFQDN") X(MAF_URI, "mafURI", "mafURI")            \
	X(SUBSCRIPTION_UNTIL, "subscriptionUntil", "subscriptionUntil")             \
	X(SERVER_TIME, "serverTime", "serverTime") X(ANCHORS, "anchors", "anchors") \
	/* instruction sequences: ours (architecture 3.1) */                        \
	X(VERSION, "version", "version") X(ID, "id", "id")                          \
	X(VALID_FROM, "validFrom", "validFrom") X(VALID_UNTIL, "validUntil", "validUntil") \
	X(INSTRUCTIONS, "instructions", "instructions")                             \
	X(KIND, "kind", "kind") X(METHOD, "method", "method") X(URI, "uri", "uri")  \
	X(PINS, "pins", "pins") X(TARGET, "target", "target") X(EXPIRES, "expires", "expires") \
	X(HTTP_PORT, "httpPort", "httpPort") X(COAP_PORT, "coapPort", "coapPort")   \
	X(WEBSOCKET_PORT, "websocketPort", "websocketPort") X(LABEL, "label", "label") \
	/* bundles: ours (architecture 3.4) */                                      \
	X(NUMBER, "number", "number") X(NODES, "nodes", "nodes") X(ANY, "any", "any") \
	/* briefing: ours (architecture 3.4) */                                     \
	X(ATTEMPT, "attempt", "attempt") X(DEVICE_ID, "deviceID", "deviceID") X(IMSI, "imsi", "imsi") \
	X(MAKER, "maker", "maker") X(MODEL, "model", "model") X(SERIAL, "serial", "serial") \
	X(BATCH, "batch", "batch") X(FIRMWARE, "firmware", "firmware")              \
	X(METHODS, "methods", "methods") X(TRANSPORTS, "transports", "transports")  \
	X(LOCATION, "location", "location") X(FAILURES, "failures", "failures")     \
	X(LATITUDE, "latitude", "latitude") X(LONGITUDE, "longitude", "longitude")  \
	X(ACCURACY, "accuracy", "accuracy") X(CELL, "cell", "cell") X(SITE, "site", "site") \
	X(RESOURCE, "resource", "resource") X(REASON, "reason", "reason") X(STEP, "step", "step") \
	X(DETAIL, "detail", "detail") X(WHEN, "when", "when") X(SEQUENCE, "sequence", "sequence") \
	X(WHY, "why", "why") X(TEXT, "text", "text") X(DONE, "done", "done")        \
	X(ENROLLED, "enrolled", "enrolled")                                         \
	/* pushed triggers: ours; the device trigger's payload: TS-0004 8.2.6 */    \
	X(NODE, "node", "node") X(KEY, "key", "key") X(COUNTER, "counter", "counter") \
	X(ISSUED, "issued", "issued") X(WINDOW, "window", "window") X(WHAT, "what", "what") \
	X(INSTRUCTION, "instruction", "instruction") X(PAYLOAD, "payload", "payload") \
	X(TGP, "m2m:tgp", "m2m:tgp") X(TPE, "tpe", "tpe") X(TIA, "tia", "tia") X(TIPA, "tipa", "tipa") \
	/* owner's rules and their facts: ours (architecture 3.4) */                \
	X(NAME, "name", "name") X(NOTE, "note", "note") X(DISABLED, "disabled", "disabled") \
	X(PUBLIC, "public", "public") X(THEN, "then", "then") X(DENY, "deny", "deny") \
	X(VALID_FOR, "validFor", "validFor") X(ORDER, "order", "order")             \
	X(CIRCLE, "circle", "circle") X(RADIUS, "radius", "radius") X(POLYGON, "polygon", "polygon") \
	X(MAX_ACCURACY, "maxAccuracy", "maxAccuracy") X(PLACE_FROM, "placeFrom", "placeFrom") \
	X(SITES, "sites", "sites") X(CELLS, "cells", "cells") X(ISSUERS, "issuers", "issuers") \
	X(SERIALS, "serials", "serials") X(FROM, "from", "from") X(TO, "to", "to")  \
	X(NODE_PREFIXES, "nodePrefixes", "nodePrefixes")                            \
	X(DEVICE_PREFIXES, "devicePrefixes", "devicePrefixes")                      \
	X(IMSI_PREFIXES, "imsiPrefixes", "imsiPrefixes") X(STATED, "stated", "stated") \
	X(MAKERS, "makers", "makers") X(MODELS, "models", "models") X(BATCHES, "batches", "batches") \
	X(SUBSCRIPTIONS, "subscriptions", "subscriptions") X(FAILED, "failed", "failed") \
	X(AUTHENTICATION, "authentication", "authentication")                       \
	X(NOW, "now", "now") X(NODE_PROVEN, "nodeProven", "nodeProven")             \
	X(DEVICE_PROVEN, "deviceProven", "deviceProven") X(IMSI_PROVEN, "imsiProven", "imsiProven") \
	X(ISSUER, "issuer", "issuer") X(ISSUER_NAME, "issuerName", "issuerName")    \
	X(SUBSCRIPTION, "subscription", "subscription") X(SP, "sp", "sp") X(MAF, "maf", "maf") \
	X(PLACE, "place", "place") X(UNKNOWN_NODE, "unknownNode", "unknownNode")    \
	/* GBA over the SBI: TS 29.309, 29.562, 29.503; problems: RFC 7807 */       \
	X(BT_ID, "btId", "btId") X(NAF_ID, "nafId", "nafId") X(NAF_FQDN, "nafFqdn", "nafFqdn") \
	X(UA_SEC_PROT_ID, "uaSecProtId", "uaSecProtId") X(GBA_U_AWARE, "gbaUAware", "gbaUAware") \
	X(GS_IDS, "gsIds", "gsIds") X(GS_ID, "gsId", "gsId") X(GS_TYPE, "gsType", "gsType") \
	X(ME_KEY_MATERIAL, "meKeyMaterial", "meKeyMaterial")                       \
	X(UICC_KEY_MATERIAL, "uiccKeyMaterial", "uiccKeyMaterial")                 \
	X(KEY_EXPIRY_TIME, "keyExpiryTime", "keyExpiryTime")                       \
	X(BOOTSTRAPPING_INFO_CREATION_TIME, "bootstrappingInfoCreationTime", "bootstrappingInfoCreationTime") \
	X(USS_LIST, "ussList", "ussList") X(USS, "uss", "uss") X(UE_IDS, "ueIds", "ueIds") X(UE_ID, "ueId", "ueId") \
	X(NAF_GROUP, "nafGroup", "nafGroup") X(FLAGS, "flags", "flags") X(FLAG, "flag", "flag") \
	X(KEY_CHOICE, "keyChoice", "keyChoice") X(GBA_TYPE, "gbaType", "gbaType") X(IMPI, "impi", "impi") \
	X(AUTHENTICATION_SCHEME, "authenticationScheme", "authenticationScheme")   \
	X(AUTH_TYPE, "authType", "authType") X(RAND, "rand", "rand") X(AUTS, "auts", "auts") \
	X(RESYNCHRONIZATION_INFO, "resynchronizationInfo", "resynchronizationInfo") \
	X(AKA_AV_3G, "3gAkaAv", "3gAkaAv") X(XRES, "xres", "xres") X(AUTN, "autn", "autn") X(CK, "ck", "ck") X(IK, "ik", "ik") \
	X(GUSS, "guss", "guss") X(BSF_INFO, "bsfInfo", "bsfInfo") X(UICC_TYPE, "uiccType", "uiccType") \
	X(LIFE_TIME, "lifeTime", "lifeTime") X(TITLE, "title", "title") X(CAUSE, "cause", "cause")

#endif
