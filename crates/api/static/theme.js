// The reader's own choice of light or dark, kept in local storage and set before the first paint.
(function () {
  "use strict";
  var root = document.documentElement;
  var key = "blockmark-theme";
  function stored() {
    try { return localStorage.getItem(key); } catch (e) { return null; }
  }
  var choice = stored();
  if (!root.hasAttribute("data-theme") && (choice === "light" || choice === "dark")) {
    root.setAttribute("data-theme", choice);
  }
  // Paper says where it came from.
  addEventListener("beforeprint", function () {
    var address = document.getElementById("address");
    if (address) { address.textContent = ", " + location.href; }
  });
  document.addEventListener("DOMContentLoaded", function () {
    var current = document.querySelector("nav [aria-current]");
    if (current && current.parentNode.scrollWidth > current.parentNode.clientWidth) {
      current.parentNode.scrollLeft = current.offsetLeft - current.parentNode.offsetLeft - 40;
    }
    var link = document.getElementById("theme");
    if (!link) { return; }
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = link.textContent;
    link.replaceWith(button);
    button.addEventListener("click", function () {
      var now = root.getAttribute("data-theme");
      if (!now) { now = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"; }
      var next = now === "dark" ? "light" : "dark";
      root.setAttribute("data-theme", next);
      try { localStorage.setItem(key, next); } catch (e) { /* the choice lasts for this page */ }
    });
  });
})();
