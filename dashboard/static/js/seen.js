/** One button: whoever holds the notification says that they have seen it. Opening the page says nothing. */

const form = document.querySelector("#seen");
const said = document.querySelector("#said");
const button = form.querySelector("[type=submit]");
const token = decodeURIComponent(location.hash.slice(1));

async function say() {
  const answer = await fetch("/api/v1/seen", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) return "It is on record that you have seen it.";
  const body = await answer.json().catch(() => null);
  return body?.message ?? `The server answered ${answer.status}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    said.textContent = await say();
  } catch {
    said.textContent = "Wardlight does not answer: try again.";
    button.disabled = false;
  }
});

if (token === "") {
  button.disabled = true;
  said.textContent = "This link is not whole: open it from the notification again.";
}
