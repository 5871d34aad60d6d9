"""The bulletin's words in both languages."""

from typing import Literal

Lang = Literal["zh", "en"]
LEVELS = {
    "subdistrict": ("街道、镇", "Subdistricts"),
    "department": ("市级部门", "Departments"),
    "contractor": ("承包单位", "Contractors"),
    "district": ("城区", "Districts"),
    "patrol_area": ("巡区", "Patrol areas"),
}
WORDS = {
    "title": ("{city} 城市管理综合评价通报", "City management: ranking bulletin of {city}"),
    "demo": ("样例城市", "the synthetic city"),
    "period": (
        "{month} · 统计截止 {as_of} · 立案标准 {standard}",
        "{month} · reckoned at {as_of} · standard {standard}",
    ),
    "provisional": ("本月尚未结束,数字未定。", "This month is not over; the figures are provisional."),
    "reports": ("上报", "reports"),
    "filed": ("立案", "filed"),
    "closed": ("结案率", "closed"),
    "in_time": ("按期结案率", "closed in time"),
    "before": ("上月", "month before"),
    "change": ("增减", "change"),
    "of_due": ("应结案 {n}", "of {n} due"),
    "rate_of_reports": ("占上报", "of reports"),
    "city": ("全市指标", "The city's indicators"),
    "indicator": ("指标", "indicator"),
    "figures": ("分子 / 分母", "numerator / denominator"),
    "rate": ("比率", "rate"),
    "by_day": ("每日上报与立案", "Reports and filed cases by day"),
    "by_day_note": (
        "按上报日统计;立案数为该日上报中已立案者。",
        "By the day of the report; filed: those of that day's reports.",
    ),
    "group": ("{level} {group} 组", "{level}, group {group}"),
    "cleaning": ("保洁", "cleaning"),
    "collection": ("信息采集", "information collection"),
    "ranked": ("组内排名,同分同名次。", "Ranked inside the group; equal scores share a rank."),
    "scores": ("得分", "Scores"),
    "rank": ("名次", "rank"),
    "name": ("名称", "name"),
    "score": ("得分", "score"),
    "moved": ("较上月", "moved"),
    "not_ranked": ("未排名的", "not ranked"),
    "others": ("其他分区(不排名)", "Other parts (not ranked)"),
    "none": ("本月没有应办案件。", "Nothing was due in this month."),
    "meaning": ("指标说明", "What the indicators mean"),
    "numerator": ("分子", "numerator"),
    "denominator": ("分母", "denominator"),
    "score_is": ("得分 = {formula}", "Score = {formula}"),
    "inverse": ("{weight} × (1 − {name})", "{weight} × (1 − {name})"),
    "plain": ("{weight} × {name}", "{weight} × {name}"),
    "counted": (
        "案件按到期时间计入所在月份;作废案件只计上报与立案准确率;截止时间之后的事不计。每个数字可点开所含案件。",
        "A case counts in the month in which the thing was due; a cancelled one only as a report and against accurate "
        "filing; what came after the reckoning does not count. Each figure leads to its cases.",
    ),
    "sha256": ("数据校验 sha256", "sha256 of the figures"),
    "page": ("第 {n} 页", "page {n}"),
}


def word(key: str, lang: Lang, /, **values: object) -> str:
    """One of WORDS with its values filled in."""
    return WORDS[key][0 if lang == "zh" else 1].format(**values)


def level(name: str, lang: Lang) -> str:
    """What places of a level are called."""
    return LEVELS[name][0 if lang == "zh" else 1]


def split(text: str, lang: Lang) -> str:
    """`filed 立案` of an indicator's meaning in one language: the Chinese word is the last one."""
    english, _, chinese = text.rpartition(" ")
    return chinese if lang == "zh" else english
