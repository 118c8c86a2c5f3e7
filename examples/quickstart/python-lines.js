// What a Python program says to use what the quickstart wrote.

/** @returns the lines, for a program in the folder that the paths start from */
export function pythonLines(model, adapter) {
  const [base, lora] = [model, adapter].map((path) => JSON.stringify(path.replaceAll("\\", "/")));
  return [
    "from peft import PeftModel",
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    `tokenizer = AutoTokenizer.from_pretrained(${base})`,
    `model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(${base}), ${lora})`,
  ];
}
