// Before anything is painted: whether the address asks for the first screen.
document.documentElement.classList.toggle("elsewhere", /[#&](task=|view=(?!submit))/.test(location.hash));
