/** How many ids or keys one request may name (`maxItems` of the API's document). */
export const MOST_NAMED = 1000;
