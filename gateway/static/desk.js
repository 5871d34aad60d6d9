// The language of the desk, kept in a cookie of the browser; the document says which it is.
(() => {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked === "zh" || asked === "en") document.cookie = `zm_lang=${asked}; path=/; max-age=31536000; samesite=strict`;
  const kept = asked || (document.cookie.match(/(?:^|; )zm_lang=(zh|en)/) || [])[1] || "zh";
  document.documentElement.lang = kept === "en" ? "en" : "zh-CN";
})();
