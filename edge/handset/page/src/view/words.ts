// Every word of the page, Chinese and English.

export type Language = "zh" | "en";

const WORDS = {
  title: ["啄木处置通", "zhuomu crew"],
  list: ["工单", "Orders"],
  map: ["地图", "Map"],
  news: ["通知", "Notices"],
  shelf: ["退件", "Shelf"],
  nothing: ["没有待办工单", "Nothing to do"],
  nothing_more: ["新工单会自动出现", "New orders appear here by themselves"],
  no_news: ["没有通知", "No notices"],
  no_shelf: ["没有被退回的上报", "Nothing was rejected"],
  shelf_why: ["中心未接受以下上报，请阅后确认；工作照片不会丢失。", "The centre did not take these. Read and confirm; nothing of them was lost in silence."],
  offline: ["离线", "Offline"],
  syncing: ["同步中", "Syncing"],
  current: ["已同步", "In step"],
  full: ["存不下", "Not stored"],
  waiting: ["待报", "to send"],
  photos: ["照片", "photos"],
  accept: ["接单", "Accept"],
  arrive: ["到场", "Arrive"],
  dispose: ["处置完成", "Done"],
  returned: ["退回", "Return"],
  extend: ["延期", "Extend"],
  suspend: ["挂账", "Suspend"],
  photo: ["补照片", "Add photo"],
  more: ["更多", "More"],
  back: ["返回", "Back"],
  send: ["提交", "Submit"],
  cancel: ["取消", "Cancel"],
  reason: ["原因（必填）", "Reason (needed)"],
  note: ["说明（选填）", "Note (optional)"],
  hours: ["延长几小时", "Hours more"],
  before: ["处置前", "Before"],
  after: ["处置后", "After"],
  take: ["拍照", "Take photo"],
  on_shift: ["上班打卡", "Start shift"],
  off_shift: ["下班打卡", "End shift"],
  is_on: ["在岗", "On shift"],
  is_off: ["未上班", "Off shift"],
  read: ["已阅", "Read"],
  was_read: ["已读", "Was read"],
  urged: ["催办", "Urged"],
  urgent: ["紧急", "Urgent"],
  overdue: ["已超时", "overdue by"],
  left: ["剩", "left"],
  deadline: ["时限", "Deadline"],
  class: ["类别", "Class"],
  place: ["位置", "Place"],
  case: ["案件", "Case"],
  attempt: ["次数", "Attempt"],
  step: ["进度", "Step"],
  at_centre: ["张照片", "photos on this order"],
  code: ["代码", "code"],
  review: ["中心人工复核", "people at the centre look at it"],
  unknown_op: ["上报", "Report"],
  sync_now: ["立即同步", "Sync now"],
  whole: ["全部", "All"],
  me: ["我的位置", "My place"],
  setup: ["本机登记", "Set up this phone"],
  device: ["手机编号", "Phone's number"],
  device_help: ["由中心发放，例如 phone-1", "Given out by the centre, for example phone-1"],
  bad_device: ["只能用小写字母、数字和短横线", "Lower-case letters, digits and hyphens only"],
  password: ["口令（如有）", "Password (where there is one)"],
  code_once: ["一次性登记码", "One-time code"],
  code_help: ["由中心发放，只能用一次", "Given out by the centre, good once"],
  bad_code: ["登记码有误、已用过或已过期，请向中心索取新码", "The code is wrong, used or too old; ask the centre for a new one"],
  begin: ["开始", "Begin"],
  no_link: ["连不上中心，请联网后再试", "The centre cannot be reached; try again with a network"],
  wiped: ["本机已注销并清空，请交回单位。", "This phone was revoked and emptied. Take it to the office."],
  twice: ["已在另一个页面打开，请使用那个页面，或将其关闭。", "It is open in another page already. Use that one, or close it."],
  unusable: ["本机存储不可用，请退出无痕模式或清理空间", "This phone's storage cannot be used; leave private mode or free some space"],
  kept: ["已保存", "Kept"],
  kept_offline: ["已保存，联网后自动上报", "Kept; it goes out when there is a network"],
  bad_photo: ["这不是可用的照片，请重拍", "This is no usable photo; take it again"],
  need_reason: ["请填写原因", "Give a reason"],
  need_hours: ["请填写小时数", "Give the hours"],
  is_over: ["该工单已结束，无需处理", "This order is over; nothing to do on it"],
  is_unknown: ["本机没有该工单，请同步", "This order is not on this phone; sync"],
  need_after: ["请先拍处置后照片", "Take a photo from after the work first"],
  minute: ["分", "min"],
  hour: ["小时", "h"],
  day: ["天", "d"],
} as const;

const OF_STEP: Record<string, readonly [string, string]> = {
  "": ["未接", "New"],
  accepted: ["已接", "Accepted"],
  arrived: ["已到场", "Arrived"],
  disposed: ["已处置", "Disposed"],
  returned: ["已退回", "Returned"],
};
const OF_STATE: Record<string, readonly [string, string]> = {
  dispatched: ["派遣", "Dispatched"],
  rework: ["返工", "Rework"],
  recalled: ["已收回", "Recalled"],
  closed: ["已结案", "Closed"],
};
const OF_CLASS: Record<string, readonly [string, string]> = {
  stall: ["占道经营", "Street stall"],
  poster: ["非法小广告", "Illegal poster"],
  bike: ["车辆乱停放", "Bikes in the way"],
  litter: ["暴露垃圾", "Litter"],
};
const OF_ASKED: Record<string, readonly [string, string]> = {
  extend: ["已申请延期", "Asked to extend"],
  suspend: ["已申请挂账", "Asked to suspend"],
};
const OF_ANSWER: Record<string, readonly [string, string]> = {
  granted: ["已批准", "Granted"],
  refused: ["未批准", "Refused"],
};
const OF_KIND: Record<string, readonly [string, string]> = {
  accepted: WORDS.accept,
  arrived: WORDS.arrive,
  disposed: WORDS.dispose,
  returned: WORDS.returned,
  extend: WORDS.extend,
  suspend: WORDS.suspend,
  photo: WORDS.photo,
  shift_on: WORDS.on_shift,
  shift_off: WORDS.off_shift,
};

let language: Language = initial();

export type Word = keyof typeof WORDS;

export function t(word: Word): string {
  return pick(WORDS[word]);
}

export const step = (name: string): string => pick(OF_STEP[name] ?? [name, name]);
export const state = (name: string): string => pick(OF_STATE[name] ?? [name, name]);
export const ofClass = (name: string): string => pick(OF_CLASS[name] ?? [name, name]);
export const asked = (name: string): string => pick(OF_ASKED[name] ?? [name, name]);
export const answered = (name: string): string => pick(OF_ANSWER[name] ?? [name, name]);
export const ofKind = (name: string): string => pick(OF_KIND[name] ?? WORDS.unknown_op);

export function speak(next: Language): void {
  language = next;
  localStorage.setItem("language", next);
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
}

export function speaking(): Language {
  return language;
}

/** "2 h 5 min", of an absolute time. */
export function span(ms: number): string {
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  const parts = days ? [[days, "day"], [hours, "hour"]] : [[hours, "hour"], [minutes % 60, "minute"]];
  const shown = parts.filter(([n], i) => n || i === 1) as [number, Word][];
  return shown.map(([n, unit]) => `${n} ${t(unit)}`).join(" ");
}

/** Month, day and minute in the city's own time. */
export function clock(at: string): string {
  const options = { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false } as const;
  return new Intl.DateTimeFormat("zh-CN", { ...options, timeZone: "Asia/Shanghai" }).format(new Date(at));
}

function pick([zh, en]: readonly [string, string]): string {
  return language === "zh" ? zh : en;
}

function initial(): Language {
  const kept = localStorage.getItem("language");
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}
