// Makes pages more pleasant that work without it: each part looks for what it serves.

import { confirmations, guard, likes, menus, sheets } from "./forms.js";
import { compare } from "./compare.js";
import { live } from "./live.js";
import { order } from "./order.js";

guard();
confirmations();
likes();
menus();
sheets();
compare();
live();
order();
