import { SaxesParser } from 'saxes';
import { UserError } from '../../base/errors.ts';
import { readText } from '../../base/file_error.ts';

/** An element of a file of XML; attributes are not kept. */
export interface XmlElement {
  readonly name: string;
  /** From 1. */
  readonly line: number;
  readonly children: readonly XmlElement[];
  /** Its own text, those of its children left out. */
  readonly text: string;
}

interface Open {
  readonly name: string;
  readonly line: number;
  readonly children: Open[];
  text: string;
}

/** The root element. @throws UserError naming the file, and line and column where its XML breaks */
export function readXml(path: string): XmlElement {
  const parser = new SaxesParser({ position: true });
  const top: Open = { name: '', line: 1, children: [], text: '' };
  const stack = [top];
  const here = () => stack.at(-1) ?? top;
  parser.on('error', (error) => {
    const [, line, column, reason] = /^(\d+):(\d+): (.*)$/s.exec(error.message) ?? [];
    throw new UserError(
      line === undefined
        ? `${path} is no XML: ${error.message}; copy the file again`
        : `${path}, line ${line}, column ${column}: ${reason}; mend it there, or copy the file again`,
    );
  });
  parser.on('opentagstart', ({ name }) => {
    const element = { name, line: parser.line, children: [], text: '' };
    here().children.push(element);
    stack.push(element);
  });
  parser.on('closetag', () => stack.pop());
  parser.on('text', (text) => {
    here().text += text;
  });
  parser.on('cdata', (text) => {
    here().text += text;
  });
  parser.write(readText(path)).close();
  const [root] = top.children;
  if (root === undefined) throw new UserError(`${path} has no element; copy the file again`);
  return root;
}
