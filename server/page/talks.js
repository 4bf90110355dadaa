// The sample talks: our own short texts, said one sentence after the other. A paragraph ends with a commit.

/** @typedef {{ title: string, paragraphs: string[] }} Talk */

/** @type {Talk[]} */
export const TALKS = [
  {
    title: "A walk by the sea",
    paragraphs: [
      "Good morning, everyone, and thank you for coming. Today I want to tell you about a walk that I take every Sunday. It begins behind the old harbour, where the fishermen mend their nets.",
      "The first part is easy. You follow the wall until you can see the lighthouse, and then you turn left. If the wind is strong, keep your hat in your hand.",
      "After half an hour you will reach a small beach. In summer it is full of children, but in winter you can be alone there for hours. I once saw a seal asleep on the sand. It opened one eye, looked at me, and went back to sleep.",
      "The way back is longer, because you have to climb the hill. But at the top there is a bench, and somebody has written two words on it: sit down.",
    ],
  },
  {
    title: "How to bake bread",
    paragraphs: [
      "Welcome back to our kitchen. Today we are going to bake bread, and you only need four things: flour, water, salt and time.",
      "Put the flour into a large bowl and add the water slowly. Mix it with your hands until no dry flour is left. Then cover the bowl with a cloth and wait for thirty minutes.",
      "Now comes the part that most people forget. Add the salt, fold the dough four times, and let it rest again. Do not hurry. If the dough is cold, it needs more time.",
      "Heat the oven before you put the bread in. After forty minutes, knock on the bottom of the loaf. If it sounds hollow, it is ready. Please let it cool, even if that is difficult.",
    ],
  },
  {
    title: "News from the library",
    paragraphs: [
      "Hello, and welcome to the town library. My name is Clara, and I would like to show you what is new this year.",
      "On the ground floor you will find the newspapers and a quiet room with forty seats. You do not need a card to read here. If you want to take a book home, we can make you a card in five minutes.",
      "Upstairs we have opened a workshop. You can repair your bicycle there, print a photograph, or learn how to use a sewing machine. Everything is free, but you have to clean the table when you leave.",
      "We are open every day from nine in the morning until eight in the evening. On Mondays we close a little earlier. Do you have any questions?",
    ],
  },
  {
    title: "The new tram line",
    paragraphs: [
      "Ladies and gentlemen, please take your seats. The council has decided to build a new tram line, and tonight we want to hear what you think of it.",
      "The line will connect the hospital with the central station. The journey takes forty minutes by bus today, and it will take eighteen by tram. That is why many people have asked for it.",
      "There is also bad news. For two years the main street will be closed to cars, and some shops are worried about that. We have promised to help them with the rent.",
      "The work should begin in March, if the bank agrees. Nobody can say exactly what it will cost. So ask your questions, and we will answer them as well as we can.",
    ],
  },
];
