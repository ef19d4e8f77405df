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
	X(CSI, "csi", "csi") X(AEI, "aei", "aei") X(POA, "poa", "poa")

#endif
