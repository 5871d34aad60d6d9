// Signing in; a first password is changed before anything else.
const enter = document.getElementById("enter");
const change = document.getElementById("change");
const said = document.getElementById("said");

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error || told.detail || answer.statusText);
  return told;
}

function next() {
  const asked = new URLSearchParams(location.search).get("next") || "";
  // A path of ours alone: no scheme, no other host.
  return /^\/[^/\\]/.test(asked) ? asked : "/home";
}

enter.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  const given = Object.fromEntries(new FormData(enter));
  try {
    const session = await post("/people/session", given);
    if (!session.first_password) return location.assign(next());
    enter.hidden = true;
    change.hidden = false;
    change.elements.new.focus();
  } catch (error) { said.textContent = error.message; }
});

change.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  const given = Object.fromEntries(new FormData(change));
  if (given.new !== given.again) { said.textContent = "两次输入不一致 the two are not the same"; return; }
  try {
    await post("/people/password", { old: enter.elements.password.value, new: given.new });
    change.hidden = true;
    enter.hidden = false;
    enter.elements.password.value = "";
    enter.elements.code.value = "";
    said.textContent = "密码已更改，请用下一个动态码登录 changed; sign in with the next code";
    enter.elements.password.focus();
  } catch (error) { said.textContent = error.message; }
});
