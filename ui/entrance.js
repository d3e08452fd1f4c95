"use strict";
// Asks for a token and shows with it the page that is at this address, every
// few seconds anew, as that page does by itself where no token is demanded.
const kept = "muster.token";
let asked = false;

async function look() {
  const token = sessionStorage.getItem(kept);
  if (!token) return ask("");
  let answer, text;
  try {
    answer = await fetch(location.pathname, { headers: { "X-Consul-Token": token }, cache: "no-store" });
    text = await answer.text();
  } catch {
    return setTimeout(look, 5000); // the registry is away, and may come back
  }
  if (answer.status === 403) {
    sessionStorage.removeItem(kept);
    if (!asked) return location.reload(); // the form is gone
    return ask("The registry does not know this token.");
  }
  draw(text);
  setTimeout(look, 5000);
}

function ask(why) {
  asked = true;
  const form = document.forms[0];
  form.hidden = false;
  document.getElementById("why").textContent = why;
  form.onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(kept, document.getElementById("token").value.trim());
    look();
  };
}

function draw(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const refresh of page.querySelectorAll("meta[http-equiv], script")) refresh.remove();
  const first = document.forms.length > 0;
  document.title = page.title;
  document.head.replaceChildren(...page.head.children);
  document.body.replaceChildren(...page.body.childNodes);
  asked = false;
  if (first && location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

look();
