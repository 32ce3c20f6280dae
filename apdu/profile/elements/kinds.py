# SPDX-License-Identifier: Apache-2.0
"""The profile elements that create files from a template: their components in the module's order (SAIP annex A)."""

from __future__ import annotations

from typing import Final, NamedTuple

from apdu.profile.der import context_tag

__all__ = ["KINDS", "FileComponent", "TemplateKind"]


class FileComponent(NamedTuple):
    """One file of a template element."""

    name: str
    tag: int
    mandatory: bool


class TemplateKind(NamedTuple):
    """One kind of template element: name and tag of the element, name of its header, its files."""

    name: str
    tag: int
    header: str
    files: tuple[FileComponent, ...]


def _kind(tag: int, name: str, header: str, files: str) -> TemplateKind:
    """Automatic tags count from the header, 0, and the template, 1; `!` marks a file that must be there."""
    numbered = enumerate(files.split(), start=2)
    components = (
        FileComponent(file.rstrip("!"), context_tag(n, constructed=True), file[-1] == "!") for n, file in numbered
    )
    return TemplateKind(name, tag, header, tuple(components))


_TABLE: Final = (
    _kind(
        0xB0,
        "mf",
        "mf-header",
        """
        mf! ef-pl ef-iccid! ef-dir! ef-arr! ef-umpc
    """,
    ),
    _kind(
        0xB1,
        "cd",
        "cd-header",
        """
        df-cd! ef-launchpad ef-icon
    """,
    ),
    _kind(
        0xB2,
        "telecom",
        "telecom-header",
        """
        df-telecom! ef-arr ef-rma ef-sume ef-ice-dn ef-ice-ff ef-psismsc df-graphics ef-img ef-iidf
        ef-ice-graphics ef-launch-scws ef-icon df-phonebook ef-pbr ef-ext1 ef-aas ef-gas ef-psc ef-cc ef-puid
        ef-iap ef-adn ef-pbc ef-anr ef-puri ef-email ef-sne ef-uid ef-grp ef-ccp1 df-multimedia ef-mml ef-mmdf
        df-mmss ef-mlpl ef-mspl ef-mmssmode df-mcs ef-mst ef-mcs-config df-v2x ef-vst ef-v2x-config ef-v2xp-pc5
        ef-v2xp-Uu
    """,
    ),
    _kind(
        0xB3,
        "usim",
        "usim-header",
        """
        adf-usim! ef-imsi! ef-arr! ef-keys ef-keysPS ef-hpplmn ef-ust! ef-fdn ef-sms ef-smsp ef-smss ef-spn!
        ef-est! ef-start-hfn ef-threshold ef-psloci ef-acc! ef-fplmn ef-loci ef-ad ef-ecc! ef-netpar ef-epsloci
        ef-epsnsc
    """,
    ),
    _kind(
        0xB4,
        "opt-usim",
        "optusim-header",
        """
        ef-li ef-acmax ef-acm ef-gid1 ef-gid2 ef-msisdn ef-puct ef-cbmi ef-cbmid ef-sdn ef-ext2 ef-ext3 ef-cbmir
        ef-plmnwact ef-oplmnwact ef-hplmnwact ef-dck ef-cnl ef-smsr ef-bdn ef-ext5 ef-ccp2 ef-ext4 ef-acl ef-cmi
        ef-ici ef-oci ef-ict ef-oct ef-vgcs ef-vgcss ef-vbs ef-vbss ef-emlpp ef-aaem ef-hiddenkey ef-pnn ef-opl
        ef-mbdn ef-ext6 ef-mbi ef-mwis ef-cfis ef-ext7 ef-spdi ef-mmsn ef-ext8 ef-mmsicp ef-mmsup ef-mmsucp
        ef-nia ef-vgcsca ef-vbsca ef-gbabp ef-msk ef-muk ef-ehplmn ef-gbanl ef-ehplmnpi ef-lrplmnsi ef-nafkca
        ef-spni ef-pnni ef-ncp-ip ef-ufc ef-nasconfig ef-uicciari ef-pws ef-fdnuri ef-bdnuri ef-sdnuri ef-ial
        ef-ips ef-ipd ef-epdgid ef-epdgselection ef-epdgidem ef-epdgselectionem ef-frompreferred
        ef-imsconfigdata ef-3gpppsdataoff ef-3gpppsdataoffservicelist ef-xcapconfigdata ef-earfcnlist
        ef-mudmidconfigdata ef-eaka
    """,
    ),
    _kind(
        0xB5,
        "isim",
        "isim-header",
        """
        adf-isim! ef-impi! ef-impu! ef-domain! ef-ist! ef-ad ef-arr!
    """,
    ),
    _kind(
        0xB6,
        "opt-isim",
        "optisim-header",
        """
        ef-pcscf ef-sms ef-smsp ef-smss ef-smsr ef-gbabp ef-gbanl ef-nafkca ef-uicciari ef-frompreferred
        ef-imsconfigdata ef-xcapconfigdata ef-webrtcuri ef-mudmidconfigdata
    """,
    ),
    _kind(
        0xB7,
        "phonebook",
        "phonebook-header",
        """
        df-phonebook! ef-pbr ef-ext1 ef-aas ef-gas ef-psc ef-cc ef-puid ef-iap ef-adn ef-pbc ef-anr ef-puri
        ef-email ef-sne ef-uid ef-grp ef-ccp1
    """,
    ),
    _kind(
        0xB8,
        "gsm-access",
        "gsm-access-header",
        """
        df-gsm-access! ef-kc ef-kcgprs ef-cpbcch ef-invscan
    """,
    ),
    _kind(
        0xB9,
        "csim",
        "csim-header",
        """
        adf-csim! ef-arr! ef-call-count! ef-imsi-m! ef-imsi-t! ef-tmsi! ef-ah! ef-aop! ef-aloc! ef-cdmahome!
        ef-znregi! ef-snregi! ef-distregi! ef-accolc! ef-term! ef-acp! ef-prl! ef-ruimid! ef-csim-st! ef-spc!
        ef-otapaspc! ef-namlock! ef-ota! ef-sp! ef-esn-meid-me! ef-li! ef-usgind! ef-ad! ef-max-prl! ef-spcs!
        ef-mecrp! ef-home-tag! ef-group-tag! ef-specific-tag! ef-call-prompt!
    """,
    ),
    _kind(
        0xBA,
        "opt-csim",
        "optcsim-header",
        """
        ef-ssci ef-fdn ef-sms ef-smsp ef-smss ef-ssfc ef-spn ef-mdn ef-ecc ef-me3gpdopc ef-3gpdopm ef-sipcap
        ef-mipcap ef-sipupp ef-mipupp ef-sipsp ef-mipsp ef-sippapss ef-puzl ef-maxpuzl ef-hrpdcap ef-hrpdupp
        ef-csspr ef-atc ef-eprl ef-bcsmscfg ef-bcsmspref ef-bcsmstable ef-bcsmsp ef-bakpara ef-upbakpara ef-mmsn
        ef-ext8 ef-mmsicp ef-mmsup ef-mmsucp ef-auth-capability ef-3gcik ef-dck ef-gid1 ef-gid2 ef-cdmacnl
        ef-sf-euimid ef-est ef-hidden-key ef-lcsver ef-lcscp ef-sdn ef-ext2 ef-ext3 ef-ici ef-oci ef-ext5
        ef-ccp2 ef-applabels ef-model ef-rc ef-smscap ef-mipflags ef-3gpduppext ef-ipv6cap ef-tcpconfig ef-dgc
        ef-wapbrowsercp ef-wapbrowserbm ef-mmsconfig ef-jdl
    """,
    ),
    _kind(
        0xBB,
        "eap",
        "eap-header",
        """
        df-eap! ef-eapkeys ef-eapstatus! ef-puid ef-ps ef-curid ef-reid ef-realm
    """,
    ),
    _kind(
        0xBC,
        "df-5gs",
        "df-5gs-header",
        """
        df-df-5gs! ef-5gs3gpploci ef-5gsn3gpploci ef-5gs3gppnsc ef-5gsn3gppnsc ef-5gauthkeys ef-uac-aic
        ef-suci-calc-info ef-opl5g ef-supinai ef-routing-indicator ef-ursp ef-tn3gppsnn ef-cag ef-sor-cmci
        ef-dri ef-5gsedrx ef-5gnswo-conf ef-mchpplmn ef-kausf-derivation
    """,
    ),
    _kind(
        0xBD,
        "df-saip",
        "df-saip-header",
        """
        df-df-saip! ef-suci-calc-info-usim
    """,
    ),
    _kind(
        0xBE,
        "df-snpn",
        "df-snpn-header",
        """
        df-df-snpn! ef-pws-snpn
    """,
    ),
    _kind(
        0xBF1F,
        "df-5gprose",
        "df-5g-prose-header",
        """
        df-df-5g-prose! ef-5g-prose-st ef-5g-prose-dd ef-5g-prose-dc ef-5g-prose-u2nru ef-5g-prose-ru
        ef-5g-prose-uir
    """,
    ),
    _kind(
        0xBF20,
        "iot",
        "iot-header",
        """
        mf ef-pl ef-iccid ef-dir ef-arr ef-umpc adf-usim ef-imsi! ef-arr-usim ef-keys ef-keysPS ef-hpplmn ef-ust
        ef-start-hfn ef-threshold ef-psloci ef-acc! ef-fplmn ef-loci ef-ad ef-ecc ef-netpar
    """,
    ),
    _kind(
        0xBF21,
        "opt-iot",
        "optiot-header",
        """
        ef-fdn ef-sms ef-smsp ef-smss ef-spn ef-est ef-oplmnwact ef-hplmnwact ef-ehplmn ef-epsloci ef-epsnsc
        df-df-5gs ef-5gs3gpploci ef-5gsn3gpploci ef-5gs3gppnsc ef-5gsn3gppnsc ef-5gauthkeys ef-uac-aic
        ef-suci-calc-info ef-opl5g ef-supi-nai ef-routing-indicator ef-ursp ef-tn3gppsnn df-df-saip
        ef-suci-calc-info-usim
    """,
    ),
)

KINDS: Final = {kind.name: kind for kind in _TABLE}
"""By the module's name of the element."""
