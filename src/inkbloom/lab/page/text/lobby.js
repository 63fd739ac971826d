// The words of room 0.

export const en = {
  lead: "Draw a digit, or pick one. It goes with you through every room: from one convolution, stepped by hand, to a network that turns noise into a picture.",
  on: "What the rooms make of it",
  convolution: "Slide a kernel over it, one product at a time.",
  transposed: "Stamp it larger, and see why that is no inverse.",
  spreading: "Let it spread like ink, and drown it in noise. Both are convolutions.",
  xray: "Send it through a trained network and open every layer.",
  sampling: "Watch the same network draw, from noise.",
  model: "The model on this page",
  name: "name",
  parameters: "parameters",
  macs: "one pass",
  macs_value: "{count} million multiplications",
  fd: "distance to real digits",
  fd_value: "{fd}; real digits among themselves: {floor}",
  fd_about: "The distance compares the features that a judge network finds in drawn digits and in real ones. Lower is better; even two sets of real digits do not reach 0.",
  licence: "licence",
};

/** @type {typeof en} */
export const zh = {
  lead: "画一个数字，或者挑一个。它会陪你走过每间展室：从亲手一步步滑动的一个卷积，到把噪声变成图片的网络。",
  on: "各展室会怎样处理它",
  convolution: "让卷积核在上面滑动，一次看一个乘积。",
  transposed: "把它“盖章”放大，再看看为什么这不是卷积的逆运算。",
  spreading: "让它像墨一样晕开，再让它淹没在噪声里。两者都是卷积。",
  xray: "把它送进训练好的网络，打开每一层来看。",
  sampling: "看同一个网络怎样从噪声画出图来。",
  model: "本页的模型",
  name: "名称",
  parameters: "参数",
  macs: "跑一遍",
  macs_value: "{count} 万次乘法",
  fd: "与真实数字的距离",
  fd_value: "{fd}；真实数字彼此之间：{floor}",
  fd_about: "裁判网络从画出的数字和真实的数字里各提取特征，再比较两者，得出这个距离。越小越好；两组真实数字之间也到不了 0。",
  licence: "许可",
};
