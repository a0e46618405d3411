-- Loss limits of a bot: { max_loss_quote, max_controller_loss_quote }, both in quote money. A strategy
-- may declare risk_defaults with rules: "10%" is ten percent of the budget, "20" is an amount, "none" is no
-- limit unless one is asked for (a hedge, whose report does not see the coin it hedges).
local fields = require("bridge.fields")
local text = require("bridge.text")
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local risk = {}

local NAMES = { "max_loss_quote", "max_controller_loss_quote" }
local USUAL = { max_loss_quote = "10%", max_controller_loss_quote = "7.5%" }

-- The strategy's rules with the usual ones where it has none.
function risk.rules(strategy)
  local out = {}
  for _, name in ipairs(NAMES) do out[name] = (strategy.risk_defaults or {})[name] or USUAL[name] end
  return out
end

-- The amount a rule means, rounded to cents; nil when it needs a budget that is not known.
function risk.amount(rule, budget)
  if rule == "none" then return nil end
  local percent = type(rule) == "string" and rule:match("^(.*)%%$")
  if not percent then return fields.number(rule) end
  return budget and (budget * decimal(percent):fraction()):round(2, "half_up") or nil
end

-- Limits for this plan. given: the request's risk object or null. Adds errors with pointers below /risk.
function risk.limits(strategy, given, budget, errors)
  local rules, out = risk.rules(strategy), {}
  if given == json.null then given = nil end
  local function refuse(name, code, message, hint)
    errors[#errors + 1] = { pointer = text.pointer("/risk", name and { name } or nil), code = code, message = message, hint = hint }
  end
  if given ~= nil and (type(given) ~= "table" or json.is_array(given)) then
    refuse(nil, "wrong_type", "risk must be an object", "for example: {\"max_loss_quote\": \"20\"}")
    return out
  end
  for key in pairs(given or {}) do
    if not rules[key] then
      local near = text.nearest(tostring(key), NAMES)
      refuse(text.shown(key), "unknown_field", "there is no field " .. text.shown(key) .. " in risk",
        near and ("did you mean " .. near .. "?") or ("the fields are " .. text.list(NAMES)))
    end
  end
  for _, name in ipairs(NAMES) do
    local value = given and given[name]
    if value == nil or value == json.null then
      out[name] = risk.amount(rules[name], budget)
    else
      local n = fields.number(value)
      if not n then
        refuse(name, "wrong_type", name .. " must be a number", 'for example: "20"')
      elseif n:sign() <= 0 then
        refuse(name, "too_small", name .. " must be above 0", "the loss limit cannot be switched off; leave the field out for the usual limit")
      elseif budget and n > budget then
        refuse(name, "too_large", name .. " is above the budget of " .. tostring(budget), "a limit above the whole budget never acts")
      else
        out[name] = n
      end
    end
  end
  local whole, one = out.max_loss_quote, out.max_controller_loss_quote
  if whole and one and one > whole and not (given and given.max_controller_loss_quote) then
    out.max_controller_loss_quote = whole -- the derived limit follows a tighter whole one
  end
  return out
end

return risk
