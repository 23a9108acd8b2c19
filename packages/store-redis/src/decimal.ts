/**
 * Lua for whole numbers of any size as decimal strings. A number of Lua is a double, exact below 2^53 only; so sums of
 * numbers with at most 15 characters, which stay below 2 · 10^15, are left to it, and all others are made of limbs.
 */
export const decimal = `
local format, sub = string.format, string.sub
local function limb(digits, last)
  if last < 1 then return 0 end
  return tonumber(sub(digits, math.max(last - 13, 1), last))
end
local function order(a, b)
  if #a ~= #b then return #a - #b end
  for i = 1, #a, 14 do
    local difference = tonumber(sub(a, i, i + 13)) - tonumber(sub(b, i, i + 13))
    if difference ~= 0 then return difference end
  end
  return 0
end
local function combine(a, b, sign)
  local i, j, carry, sum = #a, #b, 0, ''
  while i > 0 or j > 0 do
    local part = limb(a, i) + sign * limb(b, j) + carry
    carry = 0
    if part >= 1e14 then
      part, carry = part - 1e14, 1
    elseif part < 0 then
      part, carry = part + 1e14, -1
    end
    sum = format('%014.0f', part) .. sum
    i, j = i - 14, j - 14
  end
  return (string.gsub(carry .. sum, '^0+', ''))
end
local function add(a, b)
  if #a < 16 and #b < 16 then return format('%.0f', a + b) end
  local aSign, aDigits = string.match(a, '^(%-?)(%d+)$')
  local bSign, bDigits = string.match(b, '^(%-?)(%d+)$')
  if aSign == bSign then return aSign .. combine(aDigits, bDigits, 1) end
  local which = order(aDigits, bDigits)
  if which == 0 then return '0' end
  if which > 0 then return aSign .. combine(aDigits, bDigits, -1) end
  return bSign .. combine(bDigits, aDigits, -1)
end
local function negated(a)
  if a == '0' then return a end
  if sub(a, 1, 1) == '-' then return sub(a, 2) end
  return '-' .. a
end
local function above(a, b)
  if #a < 16 and #b < 16 then return tonumber(a) > tonumber(b) end
  local aIsBelowZero, bIsBelowZero = sub(a, 1, 1) == '-', sub(b, 1, 1) == '-'
  if aIsBelowZero ~= bIsBelowZero then return bIsBelowZero end
  if aIsBelowZero then return order(sub(b, 2), sub(a, 2)) > 0 end
  return order(a, b) > 0
end
`
