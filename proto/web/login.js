// Where a login in a pop-up comes back to: hands its address to the adapter that opened it, and to nobody else.
const callbackUri = location.href;
history.replaceState(null, '', location.pathname); // a token must not stay in the address
if (window.opener) {
  window.opener.postMessage({ callbackUri }, location.origin);
  document.getElementById('status').textContent = 'You may close this window.';
  window.close();
} else {
  document.getElementById('status').textContent = 'This page was not opened by an application. Please sign in again from there.';
}
