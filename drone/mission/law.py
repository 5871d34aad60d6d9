"""The law that a flight is planned under, as configurable data with its citation.

Default: 《无人驾驶航空器飞行管理暂行条例》, State Council and Central Military Commission decree 761, in force from
2024-01-01. Article 19: airspace from 120 m true height upwards is controlled, as is that above airports, borders,
military grounds, power stations and others; outside it micro, light and small aircraft may fly. A flight that needs an
application files it by 12:00 of the day before. A city with an approval for more height states its own figures here.
"""

import msgspec

REGULATION_ZH = "《无人驾驶航空器飞行管理暂行条例》(国令第761号)"
REGULATION_EN = "Interim Regulations on Unmanned Aircraft Flight (State Council decree 761)"


class Law(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits and where they stand. height_max_m: true height (真高), metres above the ground below."""

    height_max_m: float = 120.0
    height_cite_zh: str = f"{REGULATION_ZH}第十九条:真高120米以上为管制空域"
    height_cite_en: str = f"{REGULATION_EN}, art. 19: from 120 m true height the airspace is controlled"
    zones_cite_zh: str = f"{REGULATION_ZH}第十九条:未经批准不得进入管制空域"
    zones_cite_en: str = f"{REGULATION_EN}, art. 19: no flight in controlled airspace without approval"
    permission_needed: bool = True
    permission_cite_zh: str = f"{REGULATION_ZH}:拟飞行前1日12时前提出申请"
    permission_cite_en: str = f"{REGULATION_EN}: apply by 12:00 of the day before"
    remote_id_needed: bool = True
    remote_id_cite_zh: str = f"{REGULATION_ZH}:飞行过程中应当发送识别信息"
    remote_id_cite_en: str = f"{REGULATION_EN}: identification is sent during the flight"
