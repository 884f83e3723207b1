// Helpers of the collections application: pure functions over strings.

function contact(name) {
  return session.connection.ccxml.values[name];
}

// "1234.50" -> "1234 dollars and 50 cents"
function money(balance) {
  var parts = String(balance).split(".");
  var dollars = parseInt(parts[0], 10) || 0;
  var cents = parseInt(((parts[1] || "") + "00").slice(0, 2), 10);
  var words = dollars + (dollars === 1 ? " dollar" : " dollars");
  return cents ? words + " and " + cents + " cents" : words;
}

// The check digit of a card number (ISO/IEC 7812).
function luhn(card) {
  var sum = 0;
  for (var i = 0; i < card.length; i++) {
    var digit = parseInt(card.charAt(card.length - 1 - i), 10);
    if (i % 2 === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return card.length >= 12 && sum % 10 === 0;
}

// MMYY, not past.
function expiryValid(text, today) {
  var month = parseInt(text.slice(0, 2), 10);
  var year = 2000 + parseInt(text.slice(2), 10);
  if (!(text.length === 4 && month >= 1 && month <= 12)) return false;
  return year > today.getFullYear() || (year === today.getFullYear() && month >= today.getMonth() + 1);
}

// MMDD -> YYYY-MM-DD, the next such day from today; "" when there is no such day.
function nextDate(text, today) {
  var month = parseInt(text.slice(0, 2), 10);
  var day = parseInt(text.slice(2), 10);
  if (!(text.length === 4 && month >= 1 && month <= 12 && day >= 1)) return "";
  var start = new Date(today.getFullYear(), today.getMonth(), today.getDate());
  for (var ahead = 0; ahead < 2; ahead++) {
    var date = new Date(today.getFullYear() + ahead, month - 1, day);
    if (date.getMonth() !== month - 1 || date.getDate() !== day) continue;
    if (date >= start) return date.getFullYear() + "-" + text.slice(0, 2) + "-" + text.slice(2);
  }
  return "";
}

// "2026-12-15" -> "December 15"
function spokenDate(date) {
  var names = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
               "November", "December"];
  var parts = date.split("-");
  return names[parseInt(parts[1], 10) - 1] + " " + parseInt(parts[2], 10);
}
