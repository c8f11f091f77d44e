"""Paraphrases of GSM8K test items written by hand in the manner of a language model.

By the item's 0-based place; the numbers are kept, the words and the order mostly not.
"""

PARAPHRASES = {
    0: "Every day Janet collects 16 eggs from her ducks. Three of them become her breakfast "
    "and four more go into muffins she makes for friends. Whatever is left she offers at "
    "the local farmers' market, charging $2 for each one. What is her daily income from "
    "the market, in dollars?",
    1: "To make a robe you need 2 bolts of blue material plus white material amounting to "
    "half of that quantity. What is the total number of bolts required?",
    2: "Josh wants to make money by renovating a home. After purchasing it at a price of "
    "$80,000 he spends a further $50,000 fixing it up, which makes the home worth 150% "
    "more than before. What is his profit?",
    3: "Three times each week, James does 3 sprints, and every sprint covers 60 meters. What"
    " distance in meters does he cover weekly?",
    4: "Wendi gives each chicken in her flock three cups of a healthy mix of seeds, "
    "mealworms and vegetables daily, split over three meals. If the flock receives 15 "
    "cups in the morning and 25 cups in the afternoon, and the flock has 20 chickens, "
    "what amount must she serve at the last meal of the day?",
    5: "For his new flat, Kylar is shopping for glasses. A glass is $5, although each second"
    " one is sold at 60% of that price. If he would like 16 glasses, what will the bill "
    "come to?",
    6: "Seattle owns 20 sheep. Charleston owns 4 times as many as Seattle, and Toulouse owns"
    " double the number Charleston does. What is the combined number of sheep of the "
    "three?",
    7: "A file that Carla wants is 200 GB in size, and her usual download speed is 2 GB per "
    "minute. When she is 40% done, Windows reboots to put in updates, costing her 20 "
    "minutes, after which she must begin the download all over. How long will the whole "
    "thing take?",
    8: "After driving for 3 hours at 60 mph, John notices he has left something important "
    "behind and heads back. He wants to be home within 4 hours, yet the first 2 hours are"
    " lost in a traffic jam that does not move. For the following half-hour he can go 30 "
    "mph, and for what remains of the 4 hours he goes 80 mph. When the 4 hours are over, "
    "how far from home is he?",
    9: "Eliza earns $10 an hour for up to 40 hours a week, and any hour beyond that pays 1.2"
    " times the normal rate. This week she put in 45 hours. How much did she earn?",
    10: "In its first month a new app was downloaded 60 times. Downloads tripled in the "
    "following month, before dropping by 30% in month three. Over those three months, how"
    " many downloads were there altogether?",
    11: "At the bakery Toula picked up 3 dozen donuts at $68 a dozen, 2 dozen small cupcakes "
    "at $80 a dozen and 6 dozen tiny cheesecakes priced $55 a dozen. What did she pay in "
    "all?",
    99: "Mary loves gardening. Her favorite nursery delivered 18 potted plants to her "
    "yesterday, and her big country house has 40 window ledges holding 2 potted plants "
    "apiece. Tomorrow she will be generous and hand out one plant from every ledge to "
    "family and friends. How many will she have left?",
    100: "One day 4 friends visited Jerome. Before he answered the door, the first had rung "
    "the doorbell 20 times; the second rang it 1/4 more times than the first. The fourth "
    "rang 60 times, and the third rang 10 more times than the fourth. In total, how often"
    " did the doorbell ring?",
    101: "Solo's reading homework consists of 4 pages of Science, 20 of Social Studies, 7 of "
    "History and 8 of Geography. On Monday he got through 15 pages. With 4 days left, "
    "what is the average number of pages he has to read daily to finish?",
    103: "From the ocean, fog is moving over a city at a rate of 3 miles every 10 minutes. "
    "From the oceanfront to the far inland edge the city measures 42 miles. In how many "
    "minutes will it be fully covered by fog?",
    104: "Poppy has a jigsaw puzzle of 1000 pieces. After she has put down a quarter of them, "
    "her mother puts down a third of those left. How many pieces still have to be put "
    "down?",
    105: "Amir eats 5 cookies, and Cody eats three times that number. How many cookies is that"
    " between the two of them?",
    106: "John owns 3 boxes measuring 5 inches by 6 inches by 4 inches on the outside, with "
    "walls 1 inch thick. Find the combined inner volume of the boxes.",
    108: "Henry bakes for a cookie contest in his town. His plan was to bake double last "
    "year's number, but it turned out he had made 15 more than planned. While setting "
    "them out to cool he dropped 5, leaving 110 cookies. What was the number he baked "
    "last year?",
    109: "Gas at a nearby station costs $3.00 per gallon, and an app gives back $.20 in cash "
    "on each gallon bought there. What will 10 gallons cost a customer once the rewards "
    "are counted?",
}
